require "test.lua.helper"
local ffi = require "ffi"
local block = require "scoregate.pool.block"
local pick = require "scoregate.pool.pick"
local pools = require "scoregate.pool.pools"

local function pool(n)
    block.pools = { serial = 0, version = 0 }
    local settings = { balance = "round_robin", slow_start_ms = 0, stand_ins = {} }
    local view = { settings = settings, entries = {}, size = n, counts = { turn = 0 }, asked_at = -math.huge }
    for i = 1, n do
        local s = ffi.new("scoregate_backend", { weight = 1 })
        s.address[0] = 49
        view.entries[i] = { slot = i, s = s }
    end
    pools.settings[0] = settings
    pools.view = function() return view end
    return view.entries, view
end

-- What all workers see after block.changed().
local function change(view)
    view.alike, view.asked_at = nil, -math.huge
end

local function shares(n, now, step)
    local counts = { 0, 0, 0 }
    for i = 0, n - 1 do
        local slot = pick.pick(0, now + i * step, {}, 0, 0).slot
        counts[slot] = counts[slot] + 1
    end
    return counts
end

describe("a backend that comes back from its ejection", function()
    it("gets a request now and then until it has answered one, and then its share", function()
        local entries = pool(3)
        local s = entries[1].s
        s.ejected_until, s.answered_at = 5000, 900
        assert.same({ 0, 50, 50 }, shares(100, 1000, 1))
        local counts = shares(300, 5000, 1)
        assert.equal(3, counts[1]) -- in 300 ms
        s.answered_at = 5300
        assert.same({ 100, 100, 100 }, shares(300, 5300, 1))
    end)

    it("is asked all the same when it is the only one", function()
        local s = pool(1)[1].s
        s.ejected_until, s.answered_at = 5000, 900
        assert.same({ 10, 0, 0 }, shares(10, 5000, 1))
    end)
end)

describe("backends that are alike and in use", function()
    it("are taken in turn, without a look at them, until there is a change", function()
        local entries, view = pool(3)
        assert.same({ 34, 33, 33 }, shares(100, 1000, 1))
        assert.is_true(view.alike)
        entries[2].s.down = 1
        change(view)
        assert.same({ 50, 0, 50 }, shares(100, 2000, 1))
        assert.is_false(view.alike)
        entries[2].s.down = 0
        change(view)
        assert.same({ 30, 30, 30 }, shares(90, 3000, 1))
    end)

    it("are passed over by a request that they have failed", function()
        pool(2)
        for i = 1, 10 do
            assert.equal(2, pick.pick(0, 1000 + i, { [1] = true }, 0, 0).slot)
        end
    end)

    for what, differs in pairs {
        ["another weight"] = function(s) s.weight = 2 end,
        ["a limit"] = function(s) s.max_connections = 5 end,
        ["a backup"] = function(s) s.backup = 1 end,
        ["one that is drained"] = function(s) s.state = block.DRAIN end,
        ["one that has not answered since it was ejected"] = function(s) s.ejected_until, s.answered_at = 900, 500 end,
        ["one without an address"] = function(s) s.address[0] = 0 end,
    } do
        it("are not alike with " .. what, function()
            local entries, view = pool(3)
            differs(entries[3].s)
            pick.pick(0, 1000, {}, 0, 0)
            assert.is_false(view.alike)
        end)
    end

    it("are not alike while one has its slow start, and are when it is over", function()
        local entries, view = pool(2)
        view.settings.slow_start_ms = 5000
        entries[2].s.since = 1000
        pick.pick(0, 2000, {}, 0, 0)
        assert.is_false(view.alike)
        pick.pick(0, 5999, {}, 0, 0)
        assert.is_false(view.alike)
        pick.pick(0, 7000, {}, 0, 0)
        assert.is_true(view.alike)
    end)
end)

describe("whether there is another backend", function()
    it("leaves out what is full, out or tried", function()
        local entries = pool(3)
        assert.is_true(pick.another(0, 1000, {}, 1))
        entries[2].s.down, entries[3].s.max_connections, entries[3].s.in_flight = 1, 2, 2
        assert.is_false(pick.another(0, 1000, {}, 1))
        entries[3].s.in_flight = 1
        assert.is_true(pick.another(0, 1000, {}, 1))
        assert.is_false(pick.another(0, 1000, { [3] = true }, 1))
    end)
end)
