-- What nginx keeps of the backends' answers, beyond the maps of nginx.conf (config/nginx_cache.ts).

local ffi = require "ffi"

local C, var = ffi.C, ngx.var
ffi.cdef "long ngx_parse_http_time(const unsigned char *text, size_t size);"

local LONGEST_VARY = 128 -- NGX_HTTP_CACHE_VARY_LEN
local SAYS_HOW_LONG = { shared = true, fresh = true }

local M = {}

-- The seconds that X-Accel-Expires allows: their number, or the moment until which behind an "@". nginx passes over
-- what is neither: then nil.
local function accel_left()
    local at, number = (var.upstream_http_x_accel_expires or ""):match("^(@?)(%d+)$")
    return number and tonumber(number) - (at == "@" and ngx.time() or 0)
end

--- Whether nginx may keep an answer without seeing all of what it says: before 1.23 it looks at one of several lines,
-- "*" among other names it takes for a name, and a moment in the past for none. A longer Vary it has no room for.
function M.is_unclear()
    local vary = ngx.header["Vary"]
    return type(vary) == "table" or type(ngx.header["Cache-Control"]) == "table"
        or (vary ~= nil and (#vary > LONGEST_VARY or ("," .. vary .. ","):find(",%s*%*%s*,") ~= nil))
        or (accel_left() or 0) < 0
end

--- Whether nginx does not keep an answer because nothing says for how long. Errors may be other answers a moment later:
-- they say nothing of that. `timed`: the location has a time to live.
function M.has_no_time(timed)
    local left, expires = accel_left(), var.upstream_http_expires
    if ngx.status >= 500 then
        return false
    elseif left then
        return left <= 0
    elseif SAYS_HOW_LONG[var.cache_says] then
        return false
    elseif expires then
        return C.ngx_parse_http_time(expires, #expires) <= ngx.time()
    end
    return not (timed and var.cache_usual == "1")
end

return M
