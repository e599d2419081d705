-- One block of memory that all workers of this gateway share, and the lock on it.
--
-- Why not ngx.shared.DICT alone: a client's record is read and changed several times per request
-- and holds a dozen numbers. In a dictionary each would be a call, a copy and its own lock; here they
-- are fields of a C struct under one lock. The dictionary `scoregate` only remembers where the block
-- is: nginx's master maps it before it forks, and finds it again when it reloads (a reload keeps the
-- process, so the address stays good). A new master process starts with an empty block.

local ffi = require "ffi"
local C = ffi.C

ffi.cdef [[
void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset);
int munmap(void *address, size_t length);
int getpid(void);
int pthread_mutexattr_init(void *attributes);
int pthread_mutexattr_settype(void *attributes, int type);
int pthread_mutexattr_setpshared(void *attributes, int shared);
int pthread_mutexattr_setrobust(void *attributes, int robust);
int pthread_mutex_init(void *mutex, void *attributes);
int pthread_mutex_lock(void *mutex);
int pthread_mutex_trylock(void *mutex);
int pthread_mutex_unlock(void *mutex);
int pthread_mutex_consistent(void *mutex);
]]

local mutex_lock, mutex_unlock = C.pthread_mutex_lock, C.pthread_mutex_unlock

-- Linux's values (asm-generic/mman.h, bits/pthreadtypes.h)
local READ_WRITE, SHARED_ANONYMOUS = 3, 0x21
local ERRORCHECK, PROCESS_SHARED, ROBUST = 2, 1, 1
local EOWNERDEAD = 130

local M = {}

local function map(bytes)
    local block = C.mmap(nil, bytes, READ_WRITE, SHARED_ANONYMOUS, -1, 0)
    if ffi.cast("intptr_t", block) == -1 then
        error("could not map " .. bytes .. " bytes of shared memory; lower limits.clients")
    end
    return block
end

-- What the dictionary says of a block is one text under one key, so that nobody reads half of it:
-- "serial address bytes pid signature", where `pid` is the master's, in whose memory the address is good. The
-- serial tells two blocks apart that have lain at the same address, one after the other.
local function read(dict, key)
    local text = dict:get(key)
    if not text then
        return nil
    end
    local address, bytes, pid, signature = text:match("^%d+ (%d+) (%d+) (%d+) (.*)$")
    if tonumber(pid) ~= C.getpid() then
        return nil
    end
    return ffi.cast("void *", ffi.cast("uintptr_t", tonumber(address))), tonumber(bytes), signature
end

--- The block of the cycle in force of this master: pointer, signature (how it is laid out), description; else nil.
function M.earlier(dict)
    local block, _, signature = read(dict, "block")
    return block, signature, dict:get("block")
end

--- Makes the 64 bytes at `lock` a lock of several processes, which is noticed when its owner dies.
function M.make_lock(lock)
    local attributes = ffi.new("uint64_t[8]")
    C.pthread_mutexattr_init(attributes)
    C.pthread_mutexattr_settype(attributes, ERRORCHECK)
    C.pthread_mutexattr_setpshared(attributes, PROCESS_SHARED)
    C.pthread_mutexattr_setrobust(attributes, ROBUST)
    C.pthread_mutex_init(lock, attributes)
end

--- Maps a new block of `bytes` zero bytes. It starts with room of 64 bytes for the lock.
function M.create(bytes)
    local block = map(bytes)
    M.make_lock(block)
    return block
end

--- A block of `bytes` that lasts as long as this master, and whether it is new: with the same `signature` it is the one
-- of before a reload, which `dict` remembers under `key`.
function M.lasting(dict, key, bytes, signature)
    local address, pid, its_signature = (dict:get(key) or ""):match("^(%d+) (%d+) (.*)$")
    if its_signature == signature and tonumber(pid) == C.getpid() then
        return ffi.cast("void *", ffi.cast("uintptr_t", tonumber(address))), false
    end
    local block = map(bytes)
    dict:set(key, ("%.0f %d %s"):format(tonumber(ffi.cast("uintptr_t", block)), C.getpid(), signature))
    return block, true
end

--- Takes a lock if nobody alive holds it. Returns whether it did.
function M.try_lock(lock)
    local rc = C.pthread_mutex_trylock(lock)
    if rc == EOWNERDEAD then
        C.pthread_mutex_consistent(lock)
        return true
    end
    return rc == 0
end

--- Gives a lock back.
function M.give_back(lock)
    C.pthread_mutex_unlock(lock)
end

--- Describes a new block, for remember() and is_latest(); `master` is the master's process number.
function M.describe(dict, block, bytes, master, signature)
    local serial = dict:incr("serial", 1, 0)
    return ("%d %.0f %d %d %s"):format(serial, tonumber(ffi.cast("uintptr_t", block)), bytes, master, signature)
end

--- Remembers the block of a cycle that has come into force (called by each of its workers, in any order): a
-- reload that fails after its init leaves no trace.
function M.remember(dict, description)
    local before = dict:get("block")
    if before ~= description then
        dict:set("superseded", before)
        dict:set("block", description)
    end
end

--- Says, in the master, which block the workers will use that it is about to start.
function M.announce(dict, description)
    dict:set("latest", description)
end

--- Whether no later block has been announced: a worker that ends asks this, to whom the others may not have
-- come yet that will remember() theirs.
function M.is_latest(dict, description)
    return dict:get("latest") == description
end

--- Unmaps the block before the present one, if there is one, in the master: no worker that it may yet
-- fork uses it, and old ones keep their own mapping.
function M.release_superseded(dict)
    local block, bytes = read(dict, "superseded")
    dict:delete("superseded")
    if block and block ~= read(dict, "block") then
        C.munmap(block, bytes)
    end
end

--- Takes the lock of a block. A worker that died, or threw, inside it may have left lists half linked: the next one to
-- lock calls `mend`, which rebuilds them. Until unlock() no Lua error may be thrown and nothing may yield.
local function lock(block, mend)
    local rc = mutex_lock(block)
    if rc ~= 0 then
        if rc == EOWNERDEAD then
            C.pthread_mutex_consistent(block)
        end
        mend()
    end
end
M.lock = lock

--- Gives the lock of a block back.
local function unlock(block)
    mutex_unlock(block)
end
M.unlock = unlock

--- lock() and unlock() of one block.
function M.locks(block, mend)
    return function() lock(block, mend) end, function() unlock(block) end
end

return M
