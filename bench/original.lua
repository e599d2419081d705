-- The original design: every request asks the scorer and waits for the answer, over connections that are kept.

local cjson = require "cjson.safe"

local HOST, PORT = "127.0.0.1", tonumber(ngx.var.bench_scorer)
local TIMEOUT_MS = 250

-- The answer's head is read line by line; nothing of it but the length matters.
local function receive(sock)
    local status = sock:receive("*l")
    if not status or not status:find("^HTTP/1%.1 200") then
        return nil
    end
    local length
    while true do
        local line = sock:receive("*l")
        if not line or line == "" then
            return line and length and sock:receive(length)
        end
        length = tonumber(line:lower():match("^content%-length: *(%d+)")) or length
    end
end

local function ask(ip)
    local sock = ngx.socket.tcp()
    sock:settimeout(TIMEOUT_MS)
    if not sock:connect(HOST, PORT, { pool_size = 128 }) then
        return nil
    end
    sock:send("GET /score_ip?ip=" .. ip .. "&hit=1 HTTP/1.1\r\nHost: " .. HOST .. "\r\n\r\n")
    local body = receive(sock)
    if not body then
        sock:close()
        return nil
    end
    sock:setkeepalive(30000)
    return cjson.decode(body)
end

local verdict = ask(ngx.var.remote_addr)
if verdict then
    ngx.var.tier, ngx.var.score, ngx.var.origin = verdict.tier, ("%.3f"):format(verdict.score), "fresh"
else
    ngx.var.tier, ngx.var.origin = "standard", "default"
end
