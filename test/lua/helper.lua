-- Loads the gateway's modules outside nginx, with settings in a temporary file.

local M = {}

local SETTINGS = [[{"gateway":"test","tiers":["fast","standard","slow"],"default_tier":1,"mode":"route",
"clients":4,"newcomers":3,"queue":8,"wait_ms":25,"timeout_ms":250,"scorer":{"host":"127.0.0.1","port":1},
"secret_file":"%s","holds_s":[120,600],"observations_file":"config/observations.json","workers":1}]]

local function write(path, text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
end

local secret, settings = os.tmpname(), os.tmpname()
write(secret, "secret\n")
write(settings, SETTINGS:format(secret))

local ffi = require "ffi"
ffi.cdef "int setenv(const char *name, const char *value, int overwrite);"
ffi.C.setenv("SCOREGATE_GATEWAY", settings, 1)
package.path = "lua/?.lua;" .. package.path

require "scoregate.observations"
os.remove(secret)
os.remove(settings)

--- Something with the methods of ngx.shared.DICT that the client table uses.
function M.dict()
    local values = {}
    return {
        get = function(_, name) return values[name] end,
        set = function(_, name, value) values[name] = value end,
        incr = function(_, name, by, init)
            values[name] = (values[name] or init) + by
            return values[name]
        end,
        delete = function(_, name) values[name] = nil end,
    }
end

--- The parsed JSON of a file of the repository.
function M.json(path)
    local file = assert(io.open(path, "r"))
    local text = file:read("*a")
    file:close()
    return require("cjson").decode(text)
end

return M
