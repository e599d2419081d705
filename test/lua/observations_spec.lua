local helper = require "test.lua.helper"
local observations = require "scoregate.observations"

local vocabulary = helper.json("config/observations.json").observations

-- Whether an observation of any response, or of one with this status, is declared.
local function declared(status)
    for _, o in ipairs(vocabulary) do
        if o.at == "end" and (not o.status or (status >= o.status[1] and status <= o.status[2])) then
            return true
        end
    end
    return false
end

describe("what a response adds", function()
    it("can be told by its status", function()
        for status = 200, 599 do
            assert.are.equal(declared(status), observations.adds(status))
        end
        assert.is_true(observations.adds(404))
        assert.is_true(observations.adds(503))
    end)
end)
