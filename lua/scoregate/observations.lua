-- The observation vocabulary (config/observations.json), compiled for the gateway.
--
-- Each observation becomes one line of a Lua function, so that a request pays only for what is
-- declared, and one field of a client's record.

local bit = require "bit"
local config = require "scoregate.config"

local settings = config.read()
local vocabulary = settings.vocabulary.observations

local M = { settings = settings, names = {}, kinds = {} }

local SOURCE = [[
local bor, lshift = bit.bor, bit.lshift
return function(c, method, asset, no_referer, no_user_agent, path_bit, status, bytes_sent)
    local marks = 0
%s
    return marks
end
]]

local function quoted_list(names, operator, joiner)
    local tests = {}
    for i, name in ipairs(names) do
        tests[i] = ("method %s %q"):format(operator, name)
    end
    return "(" .. table.concat(tests, joiner) .. ")"
end

local function condition(o)
    local tests = {}
    if o.method then
        tests[#tests + 1] = quoted_list(o.method, "==", " or ")
    end
    if o.method_not then
        tests[#tests + 1] = quoted_list(o.method_not, "~=", " and ")
    end
    if o.asset ~= nil then
        tests[#tests + 1] = o.asset and "asset" or "not asset"
    end
    if o.empty then
        tests[#tests + 1] = "no_" .. o.empty
    end
    if o.status then
        tests[#tests + 1] = ("status >= %d and status <= %d"):format(o.status[1], o.status[2])
    end
    return table.concat(tests, " and ")
end

local function line(o, mark)
    if o.kind == "bitmap" then
        return ([[
    if path_bit < 32 then c.%s[0] = bor(c.%s[0], lshift(1, path_bit))
    else c.%s[1] = bor(c.%s[1], lshift(1, path_bit - 32)) end]]):gsub("%%s", o.name)
    end
    if o.kind == "sum" then
        return ("    c.%s = c.%s + %s"):format(o.name, o.name, o.of)
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

local fields = {}
for i, o in ipairs(vocabulary) do
    M.names[i] = o.name
    M.kinds[i] = o.kind
    -- a bitmap is two halves of int32, what bit operations give; a sum (bytes) may be large
    local form = o.kind == "bitmap" and "int32_t %s[2];" or o.kind == "sum" and "double %s;" or "uint32_t %s;"
    fields[i] = form:format(o.name)
end

--- C fields of a client's record, one an observation.
M.fields = table.concat(fields, " ")

--- arrival(c, method, asset, no_referer, no_user_agent, path_bit) adds what a request shows when it
-- arrives to the record `c`, and returns the signs that it shows as bits.
M.arrival = compile("arrival")

--- ended(c, method, nil, nil, nil, nil, status, bytes_sent) adds what its response shows.
M.ended = compile("end")

--- Set of the file name extensions, in lower case, that make a request one for an asset.
M.asset_extensions = {}
for _, extension in ipairs(settings.vocabulary.asset_extensions) do
    M.asset_extensions[extension] = true
end

return M
