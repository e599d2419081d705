-- The lists that run through the records of the shared block, linked by slot number; 0 ends a list.
--
-- Each segment's list goes from newest to oldest. The queue holds the clients with something unreported, in
-- the order in which that began.

local M = {}

local shared, slots

--- Says which block the lists are in.
function M.use(its_shared, its_slots)
    shared, slots = its_shared, its_slots
end

--- Puts client `c`, slot `i`, at the newest end of a segment's list.
function M.link_newest(i, c, segment)
    local second = shared.newest[segment]
    c.segment, c.newer, c.older = segment, 0, second
    if second == 0 then
        shared.oldest[segment] = i
    else
        slots[second].newer = i
    end
    shared.newest[segment] = i
    shared.count[segment] = shared.count[segment] + 1
end

--- Takes a client out of its segment's list.
function M.unlink(c)
    local segment, newer, older = c.segment, c.newer, c.older
    if newer == 0 then
        shared.newest[segment] = older
    else
        slots[newer].older = older
    end
    if older == 0 then
        shared.oldest[segment] = newer
    else
        slots[older].newer = newer
    end
    shared.count[segment] = shared.count[segment] - 1
end

--- Puts a client at the end of the queue.
local function link_dirty(i, c)
    local second = shared.dirty_newest
    c.dirty, c.dirty_newer, c.dirty_older = 1, 0, second
    if second == 0 then
        shared.dirty_oldest = i
    else
        slots[second].dirty_newer = i
    end
    shared.dirty_newest = i
    shared.dirty_count = shared.dirty_count + 1
end
M.link_dirty = link_dirty

--- Takes a client out of the queue of the unreported.
function M.clean(c)
    if c.dirty == 0 then
        return
    end
    local newer, older = c.dirty_newer, c.dirty_older
    if newer == 0 then
        shared.dirty_newest = older
    else
        slots[newer].dirty_older = older
    end
    if older == 0 then
        shared.dirty_oldest = newer
    else
        slots[older].dirty_newer = newer
    end
    c.dirty = 0
    shared.dirty_count = shared.dirty_count - 1
end

--- Says that a client has something unreported, since `now` (ms) if it had nothing before.
function M.soil(i, c, now)
    if c.dirty == 0 then
        c.dirty_at = now
        link_dirty(i, c)
    end
end

--- Empties all lists and counts of the block; the records stay as they are.
function M.clear()
    shared.dirty_newest, shared.dirty_oldest, shared.dirty_count = 0, 0, 0
    for segment = 0, 1 do
        shared.newest[segment], shared.oldest[segment], shared.count[segment] = 0, 0, 0
    end
end

return M
