-- The page for a request that no backend answered: what is wrong, and when to come again.

local cjson = require "cjson.safe"

local RETRY_AFTER_S = 5

local TEXTS = {
    [429] = { "too_many_requests", "Too many requests", "You have asked for more than this site gives one client." },
    [502] = { "bad_gateway", "No answer", "The server that should answer did not." },
    [503] = { "unavailable", "Unavailable", "No server is free to answer at the moment." },
    [504] = { "timeout", "No answer in time", "The server that should answer took too long." },
}

local PAGE = [[
<!doctype html>
<html lang="en">
<title>%d %s</title>
<h1>%s</h1>
<p>%s Please try again in %d second%s.</p>
</html>
]]

local M = {}

--- Answers a request that nginx has given up; `better` is a status that says more than nginx's 502, or nil.
function M.serve(better)
    if better and ngx.status == ngx.HTTP_BAD_GATEWAY then
        ngx.status = better
    end
    local status = ngx.status
    local code, title, text = unpack(TEXTS[status] or TEXTS[502])
    local seconds = tonumber(ngx.var.limit_retry_after) or RETRY_AFTER_S
    ngx.header["Retry-After"] = seconds
    ngx.header["Cache-Control"] = "no-store"
    local accept = ngx.var.http_accept or ""
    if accept:find("application/json", 1, true) then
        ngx.header["Content-Type"] = "application/json"
        ngx.print(cjson.encode({ error = { code = code, message = text } }), "\n")
    else
        ngx.header["Content-Type"] = "text/html; charset=utf-8"
        ngx.print(PAGE:format(status, title, title, text, seconds, seconds == 1 and "" or "s"))
    end
    return ngx.exit(ngx.HTTP_OK)
end

return M
