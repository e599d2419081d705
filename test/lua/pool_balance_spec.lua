require "test.lua.helper"
local ewma = require "scoregate.pool.ewma"
local hash = require "scoregate.pool.hash"
local least_connections = require "scoregate.pool.least_connections"
local round_robin = require "scoregate.pool.round_robin"

local function backends(weights)
    local list = {}
    for i, weight in ipairs(weights) do
        local s = { weight = weight, current = 0, in_flight = 0, picked = 0, latency_ms = 0, latency_at = 0 }
        list[i] = { name = ("abcdefgh"):sub(i, i), s = s, key = hash.key("10.0.0." .. i .. ":80") }
    end
    return list, weights
end

describe("round robin", function()
    it("spreads by weight, and smoothly", function()
        local list, weights = backends { 5, 1, 1 }
        local order = {}
        for i = 1, 7 do
            order[i] = round_robin(list, 3, weights).name
        end
        assert.equal("aabacaa", table.concat(order))
    end)

    it("is exact over a thousand requests", function()
        local list, weights = backends { 1, 1 }
        local n = { a = 0, b = 0 }
        for _ = 1, 1000 do
            local name = round_robin(list, 2, weights).name
            n[name] = n[name] + 1
        end
        assert.same({ a = 500, b = 500 }, n)
    end)
end)

describe("least connections", function()
    it("takes the one with the fewest under way, by its weight", function()
        local list, weights = backends { 1, 1, 4 }
        list[1].s.in_flight, list[2].s.in_flight, list[3].s.in_flight = 3, 2, 6
        assert.equal("c", least_connections(list, 3, weights).name)
        list[3].s.in_flight = 20
        assert.equal("b", least_connections(list, 3, weights).name)
    end)

    it("takes turns among equals", function()
        local list, weights = backends { 1, 1, 1 }
        local order = {}
        for i = 1, 6 do
            local picked = least_connections(list, 3, weights)
            picked.s.picked = i
            order[i] = picked.name
        end
        assert.equal("abcabc", table.concat(order))
    end)
end)

describe("ewma", function()
    it("leaves the slow one, and comes back to it when it was left alone for a while", function()
        local list, weights = backends { 1, 1 }
        ewma.learn(list[1].s, 200, 1000)
        ewma.learn(list[2].s, 5, 1000)
        for _ = 1, 50 do
            assert.equal("b", ewma.pick(list, 2, weights, 1000).name)
        end
        local later = 1000 + 10 * 10000
        ewma.learn(list[2].s, 5, later)
        for _ = 1, 50 do
            assert.equal("a", ewma.pick(list, 2, weights, later).name)
        end
    end)

    it("takes a slower answer at its word and a faster one by and by", function()
        local s = { latency_ms = 0, latency_at = 0 }
        ewma.learn(s, 100, 0)
        assert.equal(100, s.latency_ms)
        ewma.learn(s, 10, 1000)
        assert.is_true(s.latency_ms > 85 and s.latency_ms < 95)
    end)

    it("looks at two at random, so that all get some", function()
        local list, weights = backends { 1, 1, 1, 1, 1 }
        local seen = {}
        for _ = 1, 500 do
            seen[ewma.pick(list, 5, weights, 0).name] = true
        end
        assert.same({ a = true, b = true, c = true, d = true, e = true }, seen)
    end)
end)

describe("hash", function()
    local function owners(list)
        local of = {}
        for client = 1, 10000 do
            of[client] = hash.pick(list, #list, nil, nil, client * 7919, client).name
        end
        return of
    end

    local function counts(of)
        local n = {}
        for _, name in ipairs(of) do
            n[name] = (n[name] or 0) + 1
        end
        return n
    end

    it("spreads clients by weight", function()
        local n = counts(owners((backends { 1, 1, 2 })))
        assert.near(2500, n.a, 150)
        assert.near(2500, n.b, 150)
        assert.near(5000, n.c, 150)
    end)

    it("moves the clients of a backend that goes, and no others", function()
        local list = backends { 1, 1, 1, 1 }
        local before = owners(list)
        table.remove(list, 2)
        local after = owners(list)
        for client, name in ipairs(before) do
            assert.is_true(name == "b" or after[client] == name)
        end
        local n = counts(after)
        for _, name in ipairs { "a", "c", "d" } do
            assert.near(3333, n[name], 200)
        end
    end)
end)
