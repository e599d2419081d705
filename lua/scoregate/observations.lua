-- The observation vocabulary (config/observations.json), compiled for the gateway.
--
-- Each observation becomes one line of a Lua function, so that a request pays only for what is
-- declared, and one field of a client's record.

local bit = require "bit"
local config = require "scoregate.config"
local METHOD = require "scoregate.method"

local rshift = bit.rshift
local settings = config.read()
local vocabulary = settings.vocabulary.observations

local M = { settings = settings, names = {}, kinds = {} }

local SOURCE = [[
local bor, lshift = bit.bor, bit.lshift
return function(c, method, ending, hidden, odd, form, agent, direct, path_bit, status)
    local marks = 0
%s
    return marks
end
]]

-- As target.lua, agent.lua and pages.lua number them.
local ENDING = { asset = 1, script = 2, robots = 3 }
local AGENT = { empty = 0, browser = 1, tool = 2, declared = 3, forged = 4 }
local FORM = { hasty = 1, unasked = 2 }

local function list(names, operator, joiner)
    local tests = {}
    for i, name in ipairs(names) do
        local number = assert(METHOD[name], "observations.json: nginx knows no method " .. name)
        tests[i] = ("method %s %d"):format(operator, number)
    end
    return "(" .. table.concat(tests, joiner) .. ")"
end

local function of_status(o)
    return ("status >= %d and status <= %d"):format(o.status[1], o.status[2])
end

local function condition(o)
    local tests = {}
    if o.method then
        tests[#tests + 1] = list(o.method, "==", " or ")
    end
    if o.method_not then
        tests[#tests + 1] = list(o.method_not, "~=", " and ")
    end
    if o.asset ~= nil then
        tests[#tests + 1] = (o.asset and "ending == " or "ending ~= ") .. ENDING.asset
    end
    if o.robots == false then
        tests[#tests + 1] = "ending ~= " .. ENDING.robots
    end
    if o.ending then
        tests[#tests + 1] = "ending == " .. ENDING[o.ending]
    end
    if o.dot then
        tests[#tests + 1] = "hidden"
    end
    if o.odd then
        tests[#tests + 1] = "odd"
    end
    if o.form then
        tests[#tests + 1] = "form == " .. FORM[o.form]
    end
    if o.agent then
        tests[#tests + 1] = "agent == " .. AGENT[o.agent]
    end
    if o.empty then
        tests[#tests + 1] = o.empty == "referer" and "direct" or "agent == 0"
    end
    if o.status then
        tests[#tests + 1] = of_status(o)
    end
    return #tests == 0 and "true" or table.concat(tests, " and ")
end

local function line(o, mark)
    if o.kind == "bitmap" then
        local set = ("if path_bit < 32 then c.%s[0] = bor(c.%s[0], lshift(1, path_bit)) else "
            .. "c.%s[1] = bor(c.%s[1], lshift(1, path_bit - 32)) end"):format(o.name, o.name, o.name, o.name)
        return ("    if %s then %s end"):format(condition(o), set)
    end
    return ("    if %s then c.%s = c.%s + 1 %s end"):format(condition(o), o.name, o.name,
        mark and ("marks = bor(marks, %d)"):format(mark) or "")
end

local function compile(at)
    local lines, mark = {}, 1
    for _, o in ipairs(vocabulary) do
        local its_mark
        if o.worse then
            its_mark, mark = mark, bit.lshift(mark, 1)
        end
        if o.at == at then
            lines[#lines + 1] = line(o, its_mark)
        end
    end
    return assert(loadstring(SOURCE:format(table.concat(lines, "\n")), "=observations." .. at))()
end

-- Whether a response adds something can be told by its status, unless an observation is of any.
local function compile_adds()
    local tests = { "false" }
    for _, o in ipairs(vocabulary) do
        if o.at == "end" then
            tests[#tests + 1] = o.status and of_status(o) or "true"
        end
    end
    return assert(loadstring("local status = ... return " .. table.concat(tests, " or "), "=observations.adds"))
end

local fields = {}
for i, o in ipairs(vocabulary) do
    M.names[i] = o.name
    M.kinds[i] = o.kind
    -- a bitmap is two halves of int32, what bit operations give
    fields[i] = (o.kind == "bitmap" and "int32_t %s[2];" or "uint32_t %s;"):format(o.name)
end

--- C fields of a client's record, one an observation.
M.fields = table.concat(fields, " ")

--- The bit 0..63 of a bitmap that a hash sets: the top six, as scorer/bitmap.ts has it.
function M.bit(hash)
    return rshift(hash, 26)
end

--- arrival(c, method, ending, hidden, odd, form, agent, direct, path_bit) adds what a request shows when it
-- arrives to the record `c`, and returns the signs that it shows as bits.
M.arrival = compile("arrival")

--- ended(c, method, ending, nil, nil, nil, nil, nil, path_bit, status) adds what its response shows. The target's
-- ending and bit need be known only where the status is one of an error.
M.ended = compile("end")

--- adds(status): whether ended() adds anything for a response of that status.
M.adds = compile_adds()

return M
