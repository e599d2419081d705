-- What a request's referer says by how it is written; scorer/referer.ts says the same of an access log.
--
-- A browser writes the page's URL as https://url.spec.whatwg.org/#url-serializing has it: with a path, its host in
-- small letters, without the port that goes without saying. Straight code, as target.lua.

local ffi = require "ffi"
local fixed = require "scoregate.fixed"
local METHOD = require "scoregate.method"
local target = require "scoregate.target"
local words = require "scoregate.words"

local C = ffi.C
local memcmp, memchr, to_lower = C.memcmp, C.memchr, C.ngx_strlow
local tonumber = tonumber
local ASSET, ROBOTS, GET, HEAD = target.ASSET, target.ROBOTS, METHOD.GET, METHOD.HEAD

local SLASH, COLON = 47, 58
local LONGEST_HOST = 255 -- with a port (RFC 1035)
local HTTP, HTTPS = "http://", "https://"

local lower = fixed.array("unsigned char", LONGEST_HOST)
local is_http, is_https = words.begins({ HTTP }), words.begins({ HTTPS })

-- NONE: there is none, or what is there names no page. PAGE: it names one. ITSELF: the very target that is asked for;
-- ROOT: the same of `/`. IMPOSSIBLE: no browser writes such a host.
local NONE, PAGE, ITSELF, ROOT, IMPOSSIBLE = 0, 1, 2, 3, 4
local M = { PAGE = PAGE }

local function ends(text, size, word)
    return size >= #word and memcmp(text + size - #word, word, #word) == 0
end

local function cannot_be(host, size, port)
    if size > LONGEST_HOST or ends(host, size, port) then
        return true
    end
    to_lower(lower, host, size)
    return memcmp(lower, host, size) ~= 0
end

--- What a referer of `size` bytes at `text` (const unsigned char *; a size of 0 is none) says, in front of a target in
-- the form of nginx's $request_uri.
function M.look(text, size, uri, uri_size)
    local scheme, port = 0, ":80"
    if is_http(text, size) then
        scheme = #HTTP
    elseif is_https(text, size) then
        scheme, port = #HTTPS, ":443"
    end
    if scheme == 0 then
        return size > 0 and memchr(text, COLON, size) ~= nil and PAGE or NONE
    end
    local host = text + scheme
    local slash = memchr(host, SLASH, size - scheme)
    if slash == nil then
        return NONE
    end
    local host_size = tonumber(slash - host)
    if cannot_be(host, host_size, port) then
        return IMPOSSIBLE
    end
    if size - scheme - host_size ~= uri_size or memcmp(slash, uri, uri_size) ~= 0 then
        return PAGE
    end
    return uri_size == 1 and ROOT or ITSELF
end

--- Whether no page led to the request, as far as its referer says.
function M.is_direct(says)
    return says == NONE or says == IMPOSSIBLE
end

--- Whether a browser that sends this is none: such a referer cannot be, or says that a page led to itself, by a client
-- that has asked for none. Not of `/`, a link to which is on most pages, one in an open tab, too.
function M.unmasks(says, method, ending, has_asked)
    if ending == ASSET or ending == ROBOTS then
        return false
    end
    return says == IMPOSSIBLE or (says == ITSELF and not has_asked and (method == GET or method == HEAD))
end

return M
