require "test.lua.helper"

-- What posts to the scorer and what checks a backend, by their modules' names.
local EXCHANGES = {
    ["scoregate.scorer"] = function(m) return m.post("{}") end,
    ["scoregate.pool.check"] = function(m)
        return m.once({ address = "127.0.0.1", port = 1 }, { path = "/", timeout_ms = 250 })
    end,
}

describe("the time limit of an exchange", function()
    local ngx_before, given
    before_each(function()
        ngx_before, given = _G.ngx, {}
        local wall = 1000000
        local sock = {
            connect = function() return true end,
            settimeout = function(_, ms) given[#given + 1] = ms end,
            send = function()
                wall = wall - 3600 -- an administrator sets the clock back
                return true
            end,
            receive = function() return nil, "timeout" end,
            close = function() end,
        }
        _G.ngx = { now = function() return wall end, socket = { tcp = function() return sock end } }
        package.loaded["scoregate.clock"] = { now = function() return 5000 end }
        package.loaded["scoregate.deadline"] = nil
    end)
    after_each(function()
        _G.ngx = ngx_before
        package.loaded["scoregate.clock"], package.loaded["scoregate.deadline"] = nil, nil
    end)

    for name, exchange in pairs(EXCHANGES) do
        it("stays what it is in " .. name .. " when the wall clock is set back", function()
            package.loaded[name] = nil
            local ok = exchange(require(name))
            package.loaded[name] = nil
            assert.is_falsy(ok)
            assert.are.same({ 250, 250 }, given)
        end)
    end
end)
