-- Methods by nginx's numbers for them (ngx_http_request.h), which cost less to compare than to name.
return {
    GET = 0x0002, HEAD = 0x0004, POST = 0x0008, PUT = 0x0010, DELETE = 0x0020, MKCOL = 0x0040, COPY = 0x0080,
    MOVE = 0x0100, OPTIONS = 0x0200, PROPFIND = 0x0400, PROPPATCH = 0x0800, LOCK = 0x1000, UNLOCK = 0x2000,
    PATCH = 0x4000, TRACE = 0x8000,
}
