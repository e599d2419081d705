-- POST /pool/ACTION on the admin address: changes a pool while it runs (npm run pool). Requests under way are let end.

local cjson = require "cjson.safe"
local ffi = require "ffi"
local addition = require "scoregate.pool.addition"
local backends = require "scoregate.pool.backend"
local block = require "scoregate.pool.block"
local clock = require "scoregate.clock"
local overlay = require "scoregate.pool.overlay"
local pools = require "scoregate.pool.pools"

local CHANGE_MS = 5000 -- the longest that one change may keep others out

local M = {}

local function whole(text, least, most)
    -- an argument without a value is true, and one that is there twice a table
    local n = type(text) == "string" and text:match("^%d+$") and tonumber(text)
    return n and n >= least and n <= most and n or nil
end

local function settings_of(s)
    return { spec = ffi.string(s.spec), weight = s.weight, max_connections = s.max_connections, backup = s.backup == 1,
        state = block.STATES[s.state] }
end

local ACTIONS = {}

-- Each returns the settings that the backend has then (false: none), or nil and what is wrong.
function ACTIONS.add(now, args, pool)
    if now then
        return nil, "it is there already; change it with weight, drain, maintenance or ready"
    end
    local problem = addition.problem(args.backend, pool)
    if problem then
        return nil, problem
    end
    local backend = { spec = args.backend, backup = args.backup == "1", state = "up" }
    backend.weight = whole(args.weight or "1", 1, 1000)
    backend.max_connections = whole(args.max_connections or "0", 0, 65535)
    if not backend.weight or not backend.max_connections then
        return nil, "a weight is from 1 to 1000, max_connections from 0 to 65535"
    end
    return backend
end

function ACTIONS.remove()
    return false
end

function ACTIONS.weight(now, args)
    now.weight = whole(args.weight, 1, 1000)
    if not now.weight then
        return nil, "a weight is a whole number from 1 to 1000"
    end
    return now
end

for action, state in pairs { drain = "drain", maintenance = "maintenance", ready = "up" } do
    ACTIONS[action] = function(now)
        now.state = state
        return now
    end
end

-- Whether two texts are of one backend: 10.0.0.1:80 and http://10.0.0.1 are.
local function are_same(one, other)
    local a, b = backends.parse(one), backends.parse(other)
    return a and b and a.host == b.host and a.port == b.port and a.tls == b.tls or false
end

-- All backends of a tier as they are, and the one that is meant.
local function read(tier, spec)
    local list, found, seen = {}, nil, {}
    block.lock()
    pools.each(tier, function(_, s)
        local one = settings_of(s)
        if not seen[one.spec] then
            seen[one.spec] = true
            list[#list + 1] = one
            found = are_same(one.spec, spec) and one or found
        end
    end)
    block.unlock()
    return list, found
end

-- The list with `wanted` in the place of the backend `spec`, or at its end; false: without it.
local function changed(list, spec, wanted)
    local result, is_there = {}, false
    for _, one in ipairs(list) do
        if one.spec ~= spec then
            result[#result + 1] = one
        else
            is_there = true
            result[#result + 1] = wanted or nil
        end
    end
    if not is_there then
        result[#result + 1] = wanted or nil
    end
    return result
end

local function serves(list)
    for _, one in ipairs(list) do
        if not one.backup then
            return true
        end
    end
    return false
end

local function change(tier, action, args)
    local pool = pools.settings[tier]
    local list, found = read(tier, args.backend)
    if not found and action ~= "add" then
        local names = {}
        for i, one in ipairs(list) do
            names[i] = one.spec
        end
        return 404, ("tier %s has no backend %s; it has %s"):format(pool.name, args.backend, table.concat(names, ", "))
    end
    local wanted, err = ACTIONS[action](found, args, pool)
    if wanted == nil then
        return 400, err
    end
    local spec = found and found.spec or args.backend
    local next_list = changed(list, spec, wanted)
    if not serves(next_list) then
        return 400, "it is the last one of tier " .. pool.name .. "; add another one first, or drain it"
    end
    if #next_list > 64 then
        return 400, "a pool has at most 64 backends; remove one first"
    end
    if action == "ready" then
        pools.forgive(tier, spec)
    end
    pools.fit(tier, next_list)
    ngx.log(ngx.NOTICE, "pool of tier ", pool.name, ": ", action, " ", spec)
    local kept
    kept, err = overlay.keep(pool, next_list, pools.settings)
    if not kept then
        return 500, "it is changed, but will not be after a restart: " .. err
    end
    return 200
end

local function one_at_a_time(work, ...)
    local now = clock.now()
    block.lock()
    local free = now >= block.pools.changing_until
    if free then
        block.pools.changing_until = now + CHANGE_MS
    end
    block.unlock()
    if not free then
        return 409, "another change is under way; try again"
    end
    local ok, status, why = pcall(work, ...)
    block.pools.changing_until = 0
    if not ok then
        ngx.log(ngx.ERR, "a change of a pool failed in a way that nobody foresaw: ", status)
        return 500, "it failed; the gateway's error log says how"
    end
    return status, why
end

local function answer()
    if ngx.req.get_method() ~= "POST" then
        return 405, "a change is a POST"
    end
    local action, args = ngx.var.uri:match("^/pool/(%a+)$"), ngx.req.get_uri_args(20)
    if not ACTIONS[action] then
        return 404, "there are add, remove, weight, drain, maintenance and ready"
    end
    for _, name in ipairs { "tier", "backend" } do
        if type(args[name]) ~= "string" then
            return 400, "the argument " .. name .. " is missing"
        end
    end
    local tier = pools.index[args.tier]
    if not tier then
        return 404, "there is no tier " .. args.tier
    end
    if not pools.settings[tier].live then
        return 409, "nginx itself balances tier " .. args.tier .. "; write live: true in its pool in scoregate.yaml"
    end
    return one_at_a_time(change, tier, action, args)
end

--- Answers a request of the admin server.
function M.serve()
    local status, why = answer()
    ngx.status = status
    ngx.header.content_type = "application/json"
    ngx.print(cjson.encode(why and { error = { message = why } } or { ok = true }), "\n")
end

return M
