-- What nginx's cache does not do by itself, in the locations that have one (config/nginx_cache.ts).
--
-- Of the requests for something that is not there one goes to the backend and the others wait for what it brings. If
-- that may not be kept, they would go one after the other: such targets are remembered for a while and do not wait.

local skips = ngx.shared.cache_skips
local var = ngx.var

local REMEMBERED_S = 10
local FROM_CACHE = { HIT = true, STALE = true, UPDATING = true, REVALIDATED = false }

local M = {}

local function target()
    return var.cache_for .. " " .. (var.http_host or "") .. var.request_uri
end

--- The access phase: a target whose answers are not kept is asked for without waiting.
function M.look()
    if skips:get(target()) then
        var.cache_skip = "1"
    end
end

--- The log phase: learns whether the answer may be kept; `refused` is the variable that says not.
function M.learn(refused)
    local status = var.upstream_cache_status
    if status == "MISS" or status == "EXPIRED" or status == "BYPASS" then
        if var[refused] == "1" then
            skips:set(target(), true, REMEMBERED_S)
        elseif status == "BYPASS" then
            skips:delete(target())
        end
    end
end

-- An answer that says so may not be given when it is too old, whatever fails (RFC 9111, 4.2.4), unless it also says
-- for how long it may (RFC 5861).
local function withheld(status)
    local control = status == "STALE" and var.upstream_http_cache_control
    if not control then
        return false
    end
    control = control:lower()
    return (control:find("must-revalidate", 1, true) or control:find("proxy-revalidate", 1, true)
        or control:find("s-maxage", 1, true)) and not control:find("stale-", 1, true)
end

--- The header filter: the age of what comes from the cache (RFC 9111, 5.1), or 504 where it is withheld.
function M.head()
    local status = var.upstream_cache_status
    if ngx.is_subrequest or not FROM_CACHE[status] then
        return
    end
    if withheld(status) then
        ngx.ctx.withheld = true
        ngx.status = ngx.HTTP_GATEWAY_TIMEOUT
        for _, name in ipairs { "Content-Length", "Content-Type", "Content-Encoding", "Cache-Control", "ETag",
            "Last-Modified", "Expires", "Accept-Ranges" } do
            ngx.header[name] = nil
        end
        return
    end
    local date = ngx.parse_http_time(var.upstream_http_date or "")
    if date then
        local before = tonumber(var.upstream_http_age) or 0
        ngx.header["Age"] = math.max(0, ngx.time() - date) + before
    end
end

--- The body filter: nothing of what is withheld.
function M.body()
    if ngx.ctx.withheld then
        ngx.arg[1] = nil
    end
end

return M
