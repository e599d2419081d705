-- POST /score_ip over a cosocket: one request, one answer, a connection that is kept.

local deadlines = require "scoregate.deadline"
local observations = require "scoregate.observations"

local settings = observations.settings
local MAX_ANSWER = 1024 * 1024

-- An IPv6 address has brackets wherever a port may follow it.
local host = settings.scorer.host
host = host:find(":", 1, true) and "[" .. host .. "]" or host

local HEAD = table.concat({
    "POST /score_ip HTTP/1.1",
    "Host: " .. host .. ":" .. settings.scorer.port,
    "Content-Type: application/json",
    "Authorization: Bearer " .. settings.secret,
    "Content-Length: ",
}, "\r\n")

local M = {}

local function read_head(sock, deadline)
    local line, err = deadlines.receive(sock, "*l", deadline)
    if not line then
        return nil, err
    end
    local status = tonumber(line:match("^HTTP/1%.1 (%d%d%d)"))
    if not status then
        return nil, "not an HTTP answer"
    end
    local length, close
    for _ = 1, 64 do
        line, err = deadlines.receive(sock, "*l", deadline)
        if not line then
            return nil, err
        end
        if line == "" then
            return status, length, close
        end
        local name, value = line:match("^([^:]+):%s*(.-)%s*$")
        name = name and name:lower()
        if name == "content-length" then
            length = tonumber(value)
        elseif name == "connection" then
            close = value:lower() == "close"
        end
    end
    return nil, "too many headers"
end

local function exchange(sock, body, deadline)
    local sent, err = sock:send({ HEAD, #body, "\r\n\r\n", body })
    if not sent then
        return nil, err
    end
    local status, length, close = read_head(sock, deadline)
    if not status then
        return nil, length
    end
    if not length or not (length >= 0 and length <= MAX_ANSWER) then
        return nil, "an answer without a sound length, or of over 1 MiB"
    end
    local answer
    answer, err = deadlines.receive(sock, length, deadline)
    if not answer then
        return nil, err
    end
    return status, answer, close
end

--- Posts `body`: status and the answer's text; or nil, "could not …".
function M.post(body)
    local deadline = deadlines.within(settings.timeout_ms)
    local sock = ngx.socket.tcp()
    sock:settimeout(settings.timeout_ms)
    local ok, err = sock:connect(host, settings.scorer.port, { pool = "scoregate", pool_size = 1 })
    if not ok then
        return nil, "could not connect to the scorer: " .. err
    end
    local status, answer, close = exchange(sock, body, deadline)
    if not status then
        sock:close()
        return nil, "could not get the scorer's answer: " .. answer
    end
    if close then
        sock:close()
    else
        sock:setkeepalive(30000, 1)
    end
    return status, answer
end

return M
