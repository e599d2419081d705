-- One active check of a backend: GET over a connection of its own. HTTP/1.0, so that the answer comes in one piece.

local deadlines = require "scoregate.deadline"

local MOST = 64 * 1024 -- of a body that is looked through
local LONGEST_HEAD = 64 * 1024

local M = {}

local function is_good(settings, status)
    if #settings.statuses == 0 then
        return status >= 200 and status < 400
    end
    for _, good in ipairs(settings.statuses) do
        if status == good then
            return true
        end
    end
    return false
end

-- Skips the rest of the head: of its first line, and further ones. By bytes, because its lines may have no end.
local function skip_head(sock, deadline)
    local last
    for _ = 1, LONGEST_HEAD do
        local byte, err = deadlines.receive(sock, 1, deadline)
        if not byte then
            return nil, err
        end
        if byte == "\n" and last == "\n" then
            return true
        end
        last = byte == "\r" and last or byte
    end
    return nil, "its head is too long"
end

local function look_for(sock, text, deadline)
    local ok, err = skip_head(sock, deadline)
    if not ok then
        return nil, err
    end
    local body, partial
    body, err, partial = deadlines.receive(sock, MOST, deadline)
    if not body and err ~= "closed" then
        return nil, err
    end
    if not (body or partial or ""):find(text, 1, true) then
        return nil, "its answer does not hold the text"
    end
    return true
end

local function exchange(sock, backend, settings, deadline)
    local ok, err = sock:connect(backend.address, backend.port)
    if not ok then
        return nil, err
    end
    if backend.tls then
        ok, err = sock:sslhandshake(false, backend.tls.name, backend.tls.verify)
        if not ok then
            return nil, err
        end
    end
    ok, err = sock:send { "GET ", settings.path, " HTTP/1.0\r\nHost: ", settings.host or backend.host,
        "\r\nUser-Agent: scoregate-check\r\nConnection: close\r\n\r\n" }
    if not ok then
        return nil, err
    end
    -- What is no HTTP may have lines without an end.
    local start
    start, err = deadlines.receive(sock, #"HTTP/1.1 200", deadline)
    if not start then
        return nil, err
    end
    local status = tonumber(start:match("^HTTP/%d%.%d (%d%d%d)"))
    if not status then
        return nil, "not an HTTP answer"
    end
    if not is_good(settings, status) then
        return nil, "status " .. status, status
    end
    if settings.body then
        ok, err = look_for(sock, settings.body, deadline)
        if not ok then
            return nil, err, status
        end
    end
    return true, nil, status
end

--- Checks `backend` ({address, port, host, tls}) as `settings` (pool.health) say. Returns whether it is good, what is
-- wrong when it is not, and its status if it gave one.
function M.once(backend, settings)
    local sock = ngx.socket.tcp()
    sock:settimeout(settings.timeout_ms)
    local ok, err, status = exchange(sock, backend, settings, deadlines.within(settings.timeout_ms))
    sock:close()
    return ok == true, err == "timeout" and "no answer in time" or err, status
end

return M
