require "test.lua.helper"
local backend = require "scoregate.pool.backend"
local dns = require "scoregate.pool.dns"

local function answer(question, flags, n, records)
    return question:sub(1, 2) .. flags .. "\0\1" .. string.char(0, n) .. "\0\0\0\0" .. question:sub(13) .. records
end

local function record(kind, ttl, data)
    return "\192\12" .. string.char(0, kind, 0, 1, 0, 0, math.floor(ttl / 256), ttl % 256, 0, #data) .. data
end

describe("an answer of a name server", function()
    local question = dns.question(0x1234, "app.Example.org", dns.A)
    local ALIAS = record(5, 30, "\3www\192\16")

    it("gives the addresses, and how long they hold: as long as the first of its records that ends", function()
        local records = ALIAS .. record(dns.A, 60, "\10\0\0\1") .. record(dns.A, 60, "\10\0\0\2")
        local list, ttl = dns.answer(answer(question, "\129\128", 3, records), question, dns.A)
        assert.same({ "10.0.0.1", "10.0.0.2" }, list)
        assert.equal(30, ttl)
    end)

    it("holds not at all where its time is one that there is not", function()
        local data = "\192\12\0\1\0\1\255\255\255\255\0\4\10\0\0\1"
        local list, ttl = dns.answer(answer(question, "\129\128", 1, data), question, dns.A)
        assert.same({ "10.0.0.1" }, list)
        assert.equal(0, ttl)
    end)

    it("gives addresses of IPv6", function()
        local its_question = dns.question(1, "app", dns.AAAA)
        local data = "\32\1\13\184" .. ("\0"):rep(11) .. "\1"
        local list = dns.answer(answer(its_question, "\129\128", 1, record(dns.AAAA, 5, data)), its_question, dns.AAAA)
        assert.same({ "2001:db8:0:0:0:0:0:1" }, list)
    end)

    it("is not believed when it is to another question, or cannot be read", function()
        local function refused(packet, why)
            local list, err = dns.answer(packet, question, dns.A)
            assert.is_nil(list)
            assert.equal(why, err)
        end
        refused("", "an answer to another question")
        local other = "an answer to another question"
        refused(answer(dns.question(0x1235, "app.example.org", dns.A), "\129\128", 0, ""), other)
        refused(answer(dns.question(0x1234, "app.example.com", dns.A), "\129\128", 0, ""), other)
        refused(answer(question, "\1\0", 0, ""), "not an answer")
        refused(answer(question, "\131\128", 0, ""), "truncated")
        refused(answer(question, "\129\131", 0, ""), "there is no such name")
        refused(answer(question, "\129\130", 0, ""), "error 2")
        refused(answer(question, "\129\128", 9, record(dns.A, 60, "\10\0\0\1")), "an answer that cannot be read")
    end)

    it("does not read beyond its end, wherever it is cut", function()
        local whole = answer(question, "\129\128", 2, ALIAS .. record(dns.A, 60, "\10\0\0\1"))
        for size = 0, #whole - 1 do
            local list = dns.answer(whole:sub(1, size), question, dns.A)
            assert.is_true(list == nil or #list == 0, "cut to " .. size)
        end
    end)
end)

describe("a backend's text", function()
    it("has a host, a port and a scheme", function()
        local function parsed(spec)
            local found = backend.parse(spec)
            return found and { found.host, found.port, found.tls, found.name }
        end
        assert.same({ "10.0.0.1", 80, false, false }, parsed("10.0.0.1:80"))
        assert.same({ "::1", 8080, false, false }, parsed("[::1]:8080"))
        assert.same({ "app-1.example.org", 443, true, true }, parsed("https://app-1.example.org"))
        assert.same({ "app", 8081, false, true }, parsed("app:8081"))
        assert.same({ "127.0.0.1", 80, false, false }, parsed("http://localhost"))
        for _, bad in ipairs { "app", "10.0.0:80", "app:0", "app:70000", "ftp://app", "http://app/x", "a..b:1", "" } do
            assert.is_nil(backend.parse(bad), bad)
        end
    end)
end)
