require "test.lua.helper"
local block = require "scoregate.pool.block"
local budget = require "scoregate.pool.budget"
local ejection = require "scoregate.pool.ejection"
local ffi = require "ffi"
local histogram = require "scoregate.pool.histogram"

local function pool(n, settings)
    local all = { errors = 2, consecutive_5xx = 3, success_rate = 0, time_s = 5, longest_s = 30, share = 0.5 }
    for name, value in pairs(settings or {}) do
        all[name] = value
    end
    block.pools = { version = 0 }
    local view = { settings = { ejection = all }, entries = {} }
    for i = 1, n do
        view.entries[i] = { s = ffi.new("scoregate_backend") }
    end
    return view, view.entries[1].s, view.entries[2] and view.entries[2].s
end

describe("ejection", function()
    it("follows failures in a row, and an answer ends the row", function()
        local view, s = pool(4)
        ejection.failed(view, s, "no connection", 1000)
        ejection.answered(view, s, 200, 1001)
        ejection.failed(view, s, "no connection", 1002)
        assert.equal(0, s.ejected_until)
        assert.equal("no connection", ejection.failed(view, s, "no connection", 1003))
        assert.equal(6003, s.ejected_until)
        assert.equal("no connection", ffi.string(s.why))
    end)

    it("follows answers of 500 and above in a row, and lets 404 be", function()
        local view, s = pool(4)
        for _, status in ipairs { 500, 503, 404, 500, 500 } do
            assert.is_nil(ejection.answered(view, s, status, 1000))
        end
        assert.equal("3 answers of 500 and above in a row", ejection.answered(view, s, 502, 1000))
    end)

    it("follows a success rate that is too low, once there is enough to say so", function()
        local view, s = pool(4, { consecutive_5xx = 0, success_rate = 0.7 })
        for i = 1, 19 do
            assert.is_nil(ejection.answered(view, s, i % 2 == 0 and 500 or 200, 1000 + i))
        end
        assert.equal("too few of its requests succeed", ejection.answered(view, s, 500, 1020))
    end)

    it("lasts twice as long each further time, up to the longest, and forgets it after a while", function()
        local view, s = pool(4)
        local now, lasted = 0, {}
        for i = 1, 5 do
            if i == 1 then
                ejection.failed(view, s, "x", now)
            end
            ejection.failed(view, s, "x", now)
            lasted[i] = s.ejected_ms
            now = s.ejected_until + 1
            assert.equal(1, s.errors_row) -- on probation
        end
        assert.same({ 5000, 10000, 20000, 30000, 30000 }, lasted)
        ejection.answered(view, s, 200, now)
        now = now + 100000
        ejection.failed(view, s, "x", now)
        ejection.failed(view, s, "x", now)
        assert.equal(5000, s.ejected_ms)
    end)

    it("never takes out more than its share, but always may one", function()
        local view, a, b = pool(3)
        for _, s in ipairs { a, b } do
            ejection.failed(view, s, "x", 0)
            ejection.failed(view, s, "x", 0)
        end
        assert.is_true(a.ejected_until > 0)
        assert.equal(0, b.ejected_until)
        local alone, only = pool(1)
        ejection.failed(alone, only, "x", 0)
        assert.equal("x", ejection.failed(alone, only, "x", 0))
    end)
end)

describe("the budget of retries", function()
    it("is a share of the requests, and a few at the start", function()
        local counts = ffi.new("scoregate_tier")
        local sent = 0
        for _ = 1, 1000 do
            budget.earn(counts, 0.2)
            if budget.spend(counts) then
                sent = sent + 1
            end
        end
        assert.near(210, sent, 1)
        assert.equal(1000 - sent, counts.retries_refused)
    end)

    it("does not pile up without end", function()
        local counts = ffi.new("scoregate_tier")
        for _ = 1, 10000 do
            budget.earn(counts, 0.2)
        end
        assert.equal(100, counts.budget)
    end)
end)

describe("response times", function()
    it("are told to a tenth of themselves", function()
        for ms = 10, 55000, 37 do
            local s = ffi.new("scoregate_backend")
            histogram.note(s, ms, 1000000)
            assert.near(ms, histogram.quantiles(histogram.add({}, s, 60, 1000000)).p50, ms / 10)
        end
    end)

    it("have quantiles to a tenth, over the time that is asked for", function()
        local s = ffi.new("scoregate_backend")
        for ms = 1, 1000 do
            histogram.note(s, ms, 1000000)
        end
        local found = histogram.quantiles(histogram.add({}, s, 60, 1000000))
        assert.equal(1000, found.n)
        assert.near(500, found.p50, 50)
        assert.near(950, found.p95, 95)
        assert.near(990, found.p99, 99)
        assert.is_nil(histogram.quantiles(histogram.add({}, s, 60, 1080000)))
        assert.equal(1000, histogram.quantiles(histogram.add({}, s, 300, 1080000)).n)
        histogram.note(s, 7, 1000000 + block.SLICES * 10000)
        assert.equal(1, histogram.quantiles(histogram.add({}, s, 300, 1000000 + block.SLICES * 10000)).n)
    end)
end)
