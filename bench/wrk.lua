-- wrk's requests: each of one of the clients, told by X-Forwarded-For. All request texts are made before the start, so
-- that a request costs the generator one draw. Arguments: the number of clients, and the request to start with when
-- they come one after the other, each twice in a row (a client seen once is a newcomer only); `any` for clients drawn
-- uniformly at random.

-- luacheck: globals setup init request done wrk sent seed
local texts, clients, at = {}, 0, nil
local random, floor = math.random, math.floor

-- wrk runs setup() and done() in a state of their own, which keeps the threads to ask them when all is over.
local threads = {}
function setup(thread)
    threads[#threads + 1] = thread
    thread:set("seed", os.time() + #threads)
end

-- The text of client `k`'s request, with the headers of a browser: without them each request would show signs, and a
-- client that comes back after half a minute would wait for a verdict. LuaJIT hashes a long string by four bytes each
-- of its start, its end and its middle (lj_str.c), so the middle has to differ, or 100,000 texts would take minutes.
local AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 "
local function text(k)
    local head = ("GET /articles/bench.html HTTP/1.1\r\nHost: www.example.com\r\nX-Forwarded-For: 10.%d.%d.%d\r\n")
        :format(k / 65536 % 256, k / 256 % 256, k % 256) .. "Referer: https://www.example.com/?"
    local room = #head - #"\r\nUser-Agent: \r\n\r\n"
    local agent = AGENT:rep(2):sub(1, room)
    return head .. ("%04x"):format(k % 65536) .. "\r\nUser-Agent: " .. agent .. "\r\n\r\n"
end

function init(args)
    clients, at = tonumber(args[1]), tonumber(args[2])
    for k = 0, clients - 1 do
        texts[k] = text(k)
    end
    math.randomseed(seed)
    sent = -1 -- wrk asks for one request before it starts, to look at it
end

function request()
    sent = sent + 1
    if not at then
        return texts[random(0, clients - 1)]
    end
    at = at + 1
    return texts[floor(at / 2) % clients]
end

function done(summary, latency)
    local total = 0
    for _, thread in ipairs(threads) do
        total = total + thread:get("sent")
    end
    local e = summary.errors
    local form = '\nRESULT {"sent":%d,"answered":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"errors":%d}\n'
    io.write(form:format(total, summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000,
        latency:percentile(99) / 1000, e.connect + e.read + e.write + e.status + e.timeout))
end
