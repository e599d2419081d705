-- One time limit for a whole exchange over a cosocket, by the clock that nobody sets: each step gets what is left.

local clock = require "scoregate.clock"

local M = {}

--- The moment `limit_ms` from now.
function M.within(limit_ms)
    return clock.now() + limit_ms
end

--- sock:receive(what), until `deadline`: as it returns, or nil, "timeout".
function M.receive(sock, what, deadline)
    local left = deadline - clock.now()
    if left <= 0 then
        return nil, "timeout"
    end
    sock:settimeout(left)
    return sock:receive(what)
end

return M
