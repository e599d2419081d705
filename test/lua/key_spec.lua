local helper = require "test.lua.helper"
local buffer = require "string.buffer"
local key = require "scoregate.key"

local function text_of(family, a, b)
    local out = buffer.new()
    key.put(out, family, a, b)
    return out:tostring()
end

describe("the client key", function()
    it("is the one that test/vectors/client_keys.json says, as in TypeScript", function()
        for _, vector in ipairs(helper.json("test/vectors/client_keys.json")) do
            local family, a, b = key.parse(vector["in"])
            local text = family and text_of(family, a, b) or nil
            local expected = type(vector.key) == "string" and vector.key or nil
            assert.are.equal(expected, text, vector["in"])
        end
    end)

    it("puts all of an IPv6 /64 under one key and two of them under two", function()
        local _, a1, b1 = key.parse("2001:db8:1:2::1")
        local _, a2, b2 = key.parse("2001:db8:1:2:ffff::9")
        local _, a3, b3 = key.parse("2001:db8:1:3::1")
        assert.is_true(a1 == a2 and b1 == b2)
        assert.is_false(a1 == a3 and b1 == b3)
    end)
end)
