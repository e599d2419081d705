-- The gateway in `mode: off`, in place of gateway.lua: nobody is counted or scored, so a request meets only what the
-- pools that Lua balances add here. Where nginx balances all, no request calls any of this (config/nginx_lua.ts).

local settings = require("scoregate.observations").settings

local function nothing() end

local M = { init = nothing, init_worker = nothing, access = nothing, log = nothing }

if settings.pools then
    require("scoregate.pool.live").join(M)
end

return M
