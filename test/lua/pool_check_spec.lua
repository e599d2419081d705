require "test.lua.helper"

-- A socket that gives `text`, and notes the longest piece that was taken at one time.
local function socket(text)
    local sock, at = { longest = 0 }, 1
    local function ok() return true end
    sock.settimeout, sock.connect, sock.send, sock.close = ok, ok, ok, ok
    function sock.receive(_, what)
        local stop = what == "*l" and (text:find("\n", at, true) or #text + 1) or at + what - 1
        local piece = text:sub(at, stop)
        at = at + #piece
        sock.longest = math.max(sock.longest, #piece)
        if what == "*l" and stop <= #text then
            return (piece:gsub("[\r\n]", ""))
        elseif what ~= "*l" and #piece == what then
            return piece
        end
        return nil, "closed", piece
    end
    return sock
end

describe("a check that looks for a text", function()
    local before = _G.ngx
    local check, sock

    setup(function()
        package.loaded["scoregate.deadline"] = {
            within = function() return 0 end,
            receive = function(its, what) return its:receive(what) end,
        }
        check = require "scoregate.pool.check"
    end)
    teardown(function()
        _G.ngx, package.loaded["scoregate.deadline"], package.loaded["scoregate.pool.check"] = before, nil, nil
    end)

    local function once(text)
        sock = socket(text)
        _G.ngx = { socket = { tcp = function() return sock end } }
        local settings = { timeout_ms = 1000, path = "/", statuses = {}, body = "fine" }
        return check.once({ address = "127.0.0.1", port = 1, host = "x" }, settings)
    end

    it("finds it in the body, and not in the head", function()
        assert.is_true(once("HTTP/1.1 200 OK\r\nA: b\r\n\r\nall is fine"))
        assert.is_true(once("HTTP/1.1 200 OK\nA: b\n\nall is fine"))
        assert.is_true(once("HTTP/1.1 200\r\n\r\nall is fine"))
        assert.is_false(once("HTTP/1.1 200 OK\r\nA: fine\r\n\r\nnothing is"))
        assert.is_false(once("HTTP/1.1 200\r\nA: fine\r\n\r\nnothing is"), "a status without words")
    end)

    it("takes little of a head that has no end", function()
        assert.is_false(once("HTTP/1.1 200 " .. ("x"):rep(1e6)))
        assert.is_true(sock.longest <= 65536, sock.longest .. " bytes at one time")
    end)
end)
