-- What nginx keeps of the backends' answers, beyond the maps of nginx.conf (config/nginx_cache.ts).

local ffi = require "ffi"

local C, var = ffi.C, ngx.var
ffi.cdef "long ngx_parse_http_time(const unsigned char *text, size_t size);"

local SAYS_HOW_LONG = { shared = true, fresh = true }

local M = {}

--- Whether nginx would keep an answer without seeing all of what it says: before 1.23 it looks at one of several lines,
-- and "*" among other names it takes for a name.
function M.is_unclear()
    local vary = ngx.header["Vary"]
    return type(vary) == "table" or type(ngx.header["Cache-Control"]) == "table"
        or (vary ~= nil and ("," .. vary .. ","):find(",%s*%*%s*,") ~= nil)
end

--- Whether nginx does not keep an answer because nothing says for how long. Errors may be other answers a moment later:
-- they say nothing of that. `timed`: the location has a time to live.
function M.has_no_time(timed)
    local accel, expires = var.upstream_http_x_accel_expires, var.upstream_http_expires
    if ngx.status >= 500 then
        return false
    elseif accel then
        return accel == "0"
    elseif SAYS_HOW_LONG[var.cache_says] then
        return false
    elseif expires then
        return C.ngx_parse_http_time(expires, #expires) <= ngx.time()
    end
    return not (timed and var.cache_usual == "1")
end

return M
