-- What the workers remember of the cache's targets, in a shared dictionary.
--
-- As a rule nothing is remembered. Until when something is, all workers see in shared memory, so that a request costs
-- one comparison.

local ffi = require "ffi"
local clock = require "scoregate.clock"
local memory = require "scoregate.memory"
local variable = require "scoregate.variable"

local now, reader = clock.now, variable.reader
local host, request_uri = reader("http_host"), reader("request_uri")
local scheme, told = reader("forwarded_proto"), reader("cache_told")

local readers = setmetatable({}, {
    __index = function(all, name)
        all[name] = reader(name)
        return all[name]
    end,
})

local M = {}

local function text(read, r)
    local found, size = read(r)
    return size > 0 and ffi.string(found, size) or ""
end

--- What request `r` asks for, as the key of the cache has it less the tier and the time of a change. `who` is the
-- variable that says whom its entries are for.
function M.target(r, who)
    return text(readers[who], r) .. " " .. text(scheme, r) .. " " .. text(host, r) .. " " .. text(request_uri, r) .. " "
        .. text(told, r)
end

--- A memory of `seconds` (0: as long as there is room) in the dictionary of that name.
function M.new(name, seconds)
    local dict = ngx.shared[name]
    local lasts_ms = seconds > 0 and seconds * 1000 or math.huge
    -- Where it lies is not for `dict` to say, which drops what was not used for long when it is full.
    local until_ms = ffi.cast("double *", memory.lasting(ngx.shared.scoregate, name, ffi.sizeof("double"), "double"))
    return {
        --- Whether there is anything in it.
        is_used = function()
            return until_ms[0] > 0 and until_ms[0] > now()
        end,
        get = function(key)
            return dict:get(key)
        end,
        set = function(key, value)
            dict:set(key, value, seconds)
            until_ms[0] = now() + lasts_ms
        end,
        forget = function(key)
            dict:delete(key)
        end,
    }
end

return M
