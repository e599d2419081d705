local helper = require "test.lua.helper"
local clients = require "scoregate.clients"
local lease = require "scoregate.lease"
local opening = require "scoregate.opening"

-- The queue of another worker: the module anew, over the same table of clients.
local function worker()
    local posts = 0
    package.loaded["ngx.semaphore"] = {
        new = function()
            return { count = function() return 0 end, post = function() posts = posts + 1 end }
        end,
    }
    package.loaded["scoregate.asks"] = nil
    local asks = require "scoregate.asks"
    asks.open()
    return asks, function() return posts end
end

describe("the queues of clients who need a verdict", function()
    local i, c, one, other, posts_of_one, posts_of_other
    local before = _G.ngx

    setup(function() _G.ngx = { worker = { exiting = function() return false end } } end)
    teardown(function()
        _G.ngx, package.loaded["ngx.semaphore"], package.loaded["scoregate.asks"] = before, nil, nil
    end)

    before_each(function()
        opening.open(helper.dict(), 4, 3, { "fast", "standard", "slow" })
        i, c = clients.add(4, 1, 0)
        c.tier, c.hits_end, c.ask_at, c.errors_end, c.errors_ask = 0, 1024, 768, 9, 7
        c.signs_end, c.signs_ask, c.until_ms, c.hits = 9, 7, 1e6, 800
        one, posts_of_one = worker()
        other, posts_of_other = worker()
    end)

    it("let refreshes gather of which much of the lease is left", function()
        assert.is_true(one.ask(one.ENDED, i, c, 1))
        assert.is_true(other.ask(other.ENDED, i, c, 2))
        assert.are.equal(0, posts_of_one() + posts_of_other())
        assert.are.equal(0, other.length())
        assert.are.equal(i, one.next())
        assert.is_nil(one.next())
    end)

    it("hurry for who waits, though another worker lets the same refresh gather", function()
        one.ask(one.ENDED, i, c, 1)
        lease.show_signs(c, 1)
        assert.are.equal(lease.USED_UP, lease.state(c, c.hits, 2))
        assert.is_true(other.ask(other.USED_UP, i, c, 2))
        assert.is_true(other.under_way(c, 3))
        assert.are.equal(i, other.next())
        assert.is_nil(one.next(), "one of the two asks")
    end)

    it("hurry when little of the lease is left meanwhile, once", function()
        one.ask(one.ENDED, i, c, 1)
        c.hits = 1000
        assert.is_true(one.ask(one.ENDED, i, c, 2))
        assert.are.equal(1, posts_of_one())
        assert.is_true(one.ask(one.ENDED, i, c, 3))
        assert.are.equal(i, one.next())
        assert.is_nil(one.next())
    end)
end)
