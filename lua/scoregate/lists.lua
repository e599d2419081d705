-- The lists that run through the records of the shared block, linked by slot number.
--
-- Each segment's list goes from newest to oldest. The queue holds the clients with something unreported, in the order
-- in which that began. Each is a ring through the record of a slot that is no client's, its head: slot 0 of segment 0
-- and of the queue, slot 1 of segment 1. So whatever is linked has neighbours, and to link it takes no decision: LuaJIT
-- would compile each way out of one for itself.

local fixed = require "scoregate.fixed"
require "scoregate.layout"

--- The parts of the block that the lists, and the table of clients, are in (layout.lua).
local parts = fixed.array("scoregate_parts", 1)

local QUEUE, SEGMENTS = 0, 2

local M = { parts = parts, QUEUE = QUEUE }

--- Puts client `c`, slot `i`, at the newest end of a segment's list.
function M.link_newest(i, c, segment)
    local shared, slots = parts.shared, parts.slots
    local head = slots[segment]
    local second = head.older
    c.segment, c.newer, c.older = segment, segment, second
    slots[second].newer, head.older = i, i
    shared.count[segment] = shared.count[segment] + 1
end

--- Takes a client out of its segment's list.
function M.unlink(c)
    local shared, slots = parts.shared, parts.slots
    local segment, newer, older = c.segment, c.newer, c.older
    slots[newer].older, slots[older].newer = older, newer
    shared.count[segment] = shared.count[segment] - 1
end

--- The slot of a segment's newest client; its head's when there is none.
function M.newest(segment)
    return parts.slots[segment].older
end

--- The slot of a segment's oldest client; its head's when there is none.
function M.oldest(segment)
    return parts.slots[segment].newer
end

--- Puts a client at the end of the queue.
local function link_dirty(i, c)
    local shared, slots = parts.shared, parts.slots
    local head = slots[QUEUE]
    local second = head.dirty_older
    c.dirty, c.dirty_newer, c.dirty_older = 1, QUEUE, second
    slots[second].dirty_newer, head.dirty_older = i, i
    shared.dirty_count = shared.dirty_count + 1
end
M.link_dirty = link_dirty

--- Takes a client out of the queue of the unreported.
function M.clean(c)
    if c.dirty == 0 then
        return
    end
    local shared, slots = parts.shared, parts.slots
    local newer, older = c.dirty_newer, c.dirty_older
    slots[newer].dirty_older, slots[older].dirty_newer = older, newer
    c.dirty = 0
    shared.dirty_count = shared.dirty_count - 1
end

--- The slot of the client that has waited longest in the queue; QUEUE when there is none.
function M.first_dirty()
    return parts.slots[QUEUE].dirty_newer
end

--- Says that a client has something unreported, since `now` (ms) if it had nothing before.
function M.soil(i, c, now)
    if c.dirty == 0 then
        c.dirty_at = now
        link_dirty(i, c)
    end
end

--- Empties all lists and counts of the block; the records of clients stay as they are.
function M.clear()
    local shared, slots = parts.shared, parts.slots
    for segment = 0, SEGMENTS - 1 do
        local head = slots[segment]
        head.newer, head.older, shared.count[segment] = segment, segment, 0
    end
    slots[QUEUE].dirty_newer, slots[QUEUE].dirty_older, shared.dirty_count = QUEUE, QUEUE, 0
end

return M
