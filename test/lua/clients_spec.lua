local helper = require "test.lua.helper"
local clients = require "scoregate.clients"
local lists = require "scoregate.lists"
local lease = require "scoregate.lease"
local opening = require "scoregate.opening"
local ffi = require "ffi"

local function hit(n, second)
    local i, c = clients.find(4, n, 0)
    if not c then
        i, c = clients.add(4, n, 0)
    end
    clients.touch(i, c, second)
    clients.count_hit(c, second)
    clients.soil(i, c, second * 1000)
    return c, i
end

local TIERS = { "fast", "standard", "slow" }

local function open(dict, known, newcomers, tiers)
    opening.open(dict, known, newcomers, tiers or TIERS)
    opening.remember()
end

describe("the table of clients", function()
    local dict
    before_each(function()
        dict = helper.dict()
        open(dict, 4, 3)
    end)

    it("finds what was added and nothing else", function()
        hit(1, 10)
        assert.is_truthy(clients.find(4, 1, 0))
        assert.is_nil(clients.find(4, 2, 0))
        assert.is_nil(clients.find(6, 1, 0))
    end)

    it("lets clients that are seen once evict each other and nobody else", function()
        for n = 1, 4 do
            hit(n, 10)
            hit(n, 10)
        end
        for n = 100, 199 do
            hit(n, 11)
        end
        for n = 1, 4 do
            assert.is_truthy(clients.find(4, n, 0))
        end
        assert.are.equal(97, clients.shared.forgotten[clients.NEWCOMER])
        assert.are.equal(97, clients.shared.lost_hits)
        assert.are.equal(0, clients.shared.forgotten[clients.KNOWN])
    end)

    it("forgets the least recently seen known client when it is full", function()
        for n = 1, 4 do
            hit(n, 10)
            hit(n, 10)
        end
        hit(1, 11)
        hit(5, 12)
        hit(5, 12)
        assert.is_nil(clients.find(4, 2, 0))
        assert.is_truthy(clients.find(4, 1, 0))
    end)

    it("keeps hits to the second, and all of them when there are more seconds than room", function()
        for second = 1, 40 do
            hit(7, second)
        end
        local c = hit(7, 40)
        local total = 0
        for k = 0, c.hit_seconds - 1 do
            total = total + c.hit_n[k]
            assert.is_true(k == 0 or c.hit_s[k] > c.hit_s[k - 1])
        end
        assert.are.equal(41, total)
        assert.are.equal(2, c.hit_n[c.hit_seconds - 1])
    end)

    it("hands over what is unreported once, oldest first", function()
        local first = hit(1, 10)
        hit(2, 11)
        assert.are.equal(2, clients.shared.dirty_count)
        local copy = ffi.new("scoregate_client")
        clients.take(first, copy)
        assert.are.equal(1, copy.hit_seconds)
        assert.are.equal(0, first.hit_seconds)
        assert.are.equal(1, first.hits)
        assert.are.equal(1, clients.shared.dirty_count)
        assert.are.equal(2, clients.slots[lists.first_dirty()].a)
    end)

    it("is found again by the next cycle of the same master, and moves when its size changes", function()
        local c = hit(1, 10)
        hit(1, 10)
        c.tier = 2
        open(dict, 4, 3)
        assert.are.equal(2, select(2, clients.find(4, 1, 0)).tier)
        open(dict, 100, 10)
        local _, moved = clients.find(4, 1, 0)
        assert.are.equal(2, moved.tier)
        assert.are.equal(2, moved.hits)
        assert.are.equal(1, clients.shared.count[clients.KNOWN])
    end)

    it("keeps a tier by its name when a reload names other tiers, and drops one that is no more", function()
        hit(1, 10).tier = 2
        hit(2, 10).tier = 0
        open(dict, 4, 3, { "best", "fast" })
        assert.are.equal(clients.NO_TIER, select(2, clients.find(4, 1, 0)).tier)
        assert.are.equal(1, select(2, clients.find(4, 2, 0)).tier)
    end)

    it("counts requests on under a tier's name when a reload names other tiers", function()
        clients.shared.requests[2][0] = 1000
        open(dict, 4, 3, { "slow", "fast" })
        assert.are.equal(1000, clients.shared.requests[0][0])
        assert.are.equal(0, clients.shared.requests[2][0])
    end)

    it("is never taken for superseded while in force, however its workers meet when they start", function()
        opening.open(dict, 50, 5, TIERS)
        -- the second worker reads, the first one starts meanwhile, the second one writes
        local get, met = dict.get, false
        dict.get = function(self, name)
            local value = get(self, name)
            if not met then
                met = true
                opening.remember()
            end
            return value
        end
        opening.remember()
        dict.get = get
        assert.are_not.equal(dict:get("superseded"), dict:get("block"))
        local block = clients.shared
        open(dict, 50, 5)
        assert.are.equal(block, clients.shared)
        clients.lock() -- would crash had the block been unmapped
        clients.unlock()
    end)

    it("is told apart from a later one at the same address", function()
        local first = dict:get("block")
        open(dict, 50, 5)
        assert.are_not.equal(first, dict:get("latest"))
        open(dict, 4, 3) -- the first is unmapped, and its address free
        open(dict, 4, 3)
        assert.are_not.equal(first, dict:get("block"))
        assert.is_true(opening.is_latest())
        opening.open(dict, 9, 5, TIERS)
        dict:set("latest", first)
        assert.is_false(opening.is_latest())
    end)

    it("has a seed that nobody can know", function()
        local seed = clients.shared.seed
        open(helper.dict(), 4, 3)
        assert.are_not.equal(seed, clients.shared.seed)
    end)

    it("stays as it is when a reload fails after its init", function()
        hit(1, 10)
        local block = clients.shared
        opening.open(dict, 50, 5, TIERS) -- no worker of that cycle ever starts
        open(dict, 4, 3)
        assert.are.equal(block, clients.shared)
        assert.is_truthy(clients.find(4, 1, 0))
    end)

    it("is mended when a worker threw inside the lock", function()
        hit(1, 10)
        hit(1, 10)
        hit(2, 10)
        clients.lock()
        clients.slots[0].newer, clients.slots[0].dirty_older = 99, 99 -- half-linked lists
        clients.lock()
        clients.unlock()
        assert.are.equal(1, clients.shared.mended)
        assert.is_truthy(clients.find(4, 1, 0))
        assert.are.equal(1, clients.shared.count[clients.NEWCOMER])
        assert.are.equal(2, clients.shared.dirty_count)
    end)
end)

describe("a lease", function()
    local c, taken
    local function verdict(hits, errors, signs, ttl_ms, harmless)
        local its = { hits = hits, errors = errors, signs = signs, ttl_ms = ttl_ms, harmless = harmless or 0 }
        return { score = 0.2, lease = its }
    end

    before_each(function()
        open(helper.dict(), 4, 3)
        c = hit(1, 10)
        taken = ffi.new("scoregate_client")
        clients.take(c, taken)
    end)

    it("holds for its hits and is used up by the next", function()
        lease.grant(c, taken, verdict(2, 5, 5, 1000), 0, 0, 0)
        hit(1, 10)
        hit(1, 10)
        assert.are.equal(lease.HOLDS, lease.state(c, c.hits, 1))
        hit(1, 10)
        assert.are.equal(lease.USED_UP, lease.state(c, c.hits, 1))
        assert.are.equal(lease.HOLDS, lease.state(c, c.hits - 1, 1))
    end)

    it("is charged with what arrived since its report was taken", function()
        hit(1, 10)
        hit(1, 10)
        lease.grant(c, taken, verdict(1, 5, 5, 1000), 0, 0, 0)
        assert.are.equal(lease.USED_UP, lease.state(c, c.hits, 1))
    end)

    it("ends by time, by errors and by signs", function()
        lease.grant(c, taken, verdict(10, 2, 2, 1000), 0, 0, 0)
        assert.are.equal(lease.ENDED, lease.state(c, 1, 1000))
        lease.show_error(c)
        assert.are.equal(lease.HOLDS, lease.state(c, 1, 1))
        lease.show_error(c)
        assert.are.equal(lease.USED_UP, lease.state(c, 1, 1))
    end)

    it("is ended by a sign that it does not call harmless, and used up by many that it does", function()
        lease.grant(c, taken, verdict(10, 9, 2, 100000, 1), 0, 0, 0)
        lease.show_signs(c, 1)
        assert.are.equal(lease.HOLDS, lease.state(c, 1, 1))
        lease.show_signs(c, 1)
        assert.are.equal(lease.USED_UP, lease.state(c, 1, 1))
        clients.take(c, taken)
        lease.grant(c, taken, verdict(10, 9, 9, 100000, 1), 0, 0, 0)
        assert.are.equal(lease.HOLDS, lease.state(c, 1, 1))
        lease.show_signs(c, 2)
        assert.are.equal(lease.USED_UP, lease.state(c, 1, 1))
        lease.grant(c, taken, verdict(10, 9, 9, 100000, 1), 0, 0, 0)
        assert.are.equal(lease.USED_UP, lease.state(c, 1, 1), "a verdict that does not know the sign")
        clients.take(c, taken)
        lease.grant(c, taken, verdict(10, 9, 9, 100000, 3), 0, 0, 0)
        assert.are.equal(lease.HOLDS, lease.state(c, 1, 1))
    end)

    it("is shared by the gateways that are alive, at least one hit each", function()
        clients.shared.gateways = 2
        lease.grant(c, taken, verdict(5, 5, 5, 1000), 0, 0, 0)
        assert.are.equal(taken.hits + 2, c.hits_end)
        lease.grant(c, taken, verdict(1, 1, 1, 1000), 0, 0, 0)
        assert.are.equal(taken.hits + 1, c.hits_end)
        clients.shared.gateways = 1
        lease.grant(c, taken, verdict(0, 1, 1, 1000), 0, 0, 0)
        assert.are.equal(taken.hits, c.hits_end)
    end)

    it("is gone on with only while it is the one that the report spoke of", function()
        lease.grant(c, taken, verdict(10, 9, 9, 100000), 0, 0, 0)
        clients.take(c, taken)
        lease.go_on(c, taken, verdict(), 0, 5)
        assert.are.equal(lease.HOLDS, lease.state(c, c.hits, 5))
        assert.are.equal(5, c.verdict_at)
        local lost = ffi.new("scoregate_client")
        clients.take(hit(1, 10), lost) -- this report gets its answer after that of a later one
        clients.take(hit(1, 10), taken)
        lease.grant(c, taken, verdict(500, 9, 9, 100000), 0, 0, 6) -- its scorer had not seen the lost one's hits
        lease.go_on(c, lost, verdict(), 0, 7)
        assert.are.equal(lease.ENDED, lease.state(c, c.hits, 7))
    end)

    it("of an older generation ends within two seconds", function()
        lease.grant(c, taken, verdict(10, 9, 9, 100000), 0, 0, 0)
        clients.shared.generation, clients.shared.generation_at = 7, 1
        assert.are.equal(lease.ENDED, lease.state(c, 1, 2001))
    end)
end)
