-- Targets that a request may have changed, as POST does: what was kept of them is not given any more (RFC 9111, 4.4).
-- It cannot be removed: instead the key of what is kept from then on has the time of the change in it. So the first who
-- ask afterwards wait for one answer of the backend, and nobody can make them all ask it.
--
-- A time that is forgotten would bring back what was kept before it. So none is: by its hash each target has one of a
-- fixed number of places, in memory and in a file for the next start. A change of one target is one of all at its
-- place: the others are fetched anew once.

local ffi = require "ffi"
local bit = require "bit"
local memory = require "scoregate.memory"
local observations = require "scoregate.observations"
local variable = require "scoregate.variable"

ffi.cdef [[
uint32_t ngx_murmur_hash2(const unsigned char *text, size_t size);
int fileno(void *file);
ssize_t pwrite(int file, const void *from, size_t size, long at);
]]

local C, band, bxor = ffi.C, bit.band, bit.bxor
local floor, max = math.floor, math.max
local host, request_uri = variable.reader("http_host"), variable.reader("request_uri")
local file_name = observations.settings.cache_changes

local PLACES, SIZE = 65536, 8 -- 0.5 MB; bytes of one
local ANY = PLACES -- behind them: whether one is in use, so that a request costs one comparison where none is

-- All others, unknown ones too, may change something (RFC 9110, 9.2.1).
local SAFE = { GET = true, HEAD = true, OPTIONS = true, TRACE = true }

-- Opened by the master: its workers, which may not open it, have it from there.
local file, open_error = io.open(file_name, "r+b")
if not file then
    file, open_error = io.open(file_name, "w+b")
end

local function shared_times()
    local block, fresh = memory.lasting(ngx.shared.scoregate, "cache_changes", (PLACES + 1) * SIZE, "double")
    local all = ffi.cast("double *", block)
    if fresh then
        local text = file and file:read(PLACES * SIZE) or "" -- what it has not is 0
        ffi.copy(all, text, #text)
        all[ANY] = #text
    end
    return all
end

local times = shared_times()

local function place_of(r)
    return band(bxor(C.ngx_murmur_hash2(host(r)), C.ngx_murmur_hash2(request_uri(r))), PLACES - 1)
end

-- Returns true, or nil and why not.
local function write(place)
    if not file then
        return nil, open_error
    end
    if C.pwrite(C.fileno(file), times + place, SIZE, place * SIZE) ~= SIZE then
        return nil, "errno " .. ffi.errno()
    end
    return true
end

local M = {}

--- Learns from an answer to a request that the cache has nothing to do with.
function M.learn(r)
    if ngx.status >= 400 or SAFE[ngx.req.get_method()] then
        return
    end
    local place = place_of(r)
    -- Always another time than before, be it that the clock was set back.
    times[place] = max(times[place] + 1, floor(ngx.now() * 1000))
    times[ANY] = 1
    local ok, err = write(place)
    if not ok then
        ngx.log(ngx.ERR, "could not keep beyond this start that ", ngx.var.request_uri, " was changed: ", err)
    end
end

--- When the target of this request was changed, as a text; nil where it was not.
function M.last()
    if times[ANY] == 0 then
        return nil
    end
    local at = times[place_of(variable.request())]
    return at > 0 and ("%.0f"):format(at) or nil
end

return M
