-- nginx's monotonic clock, as of this turn of its event loop: no system call, never set back, the
-- same in all workers. (ngx.now() is the wall clock, which an administrator can move.)

local ffi = require "ffi"
local C = ffi.C
local tonumber = tonumber

ffi.cdef "extern volatile intptr_t ngx_current_msec;"

return {
    --- Milliseconds since an arbitrary moment.
    now = function()
        return tonumber(C.ngx_current_msec)
    end,
}
