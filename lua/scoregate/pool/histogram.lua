-- Response times of a backend over the last minutes: slices of ten seconds, in each of them counts by size. A bucket is
-- 19% wider than the one before, so a quantile is right to a tenth of itself.

local block = require "scoregate.pool.block"

local SLICE_MS = 10000
local PER_DOUBLING = 4 -- 64 buckets reach from 1 ms to 55 s; the last has what is slower

local floor, log, min, max = math.floor, math.log, math.min, math.max

local M = {}

--- Notes a response time in ms. Under the lock.
function M.note(s, ms, now)
    local slice = floor(now / SLICE_MS)
    local k = slice % block.SLICES
    local counts = s.slices[k]
    if s.slice_at[k] ~= slice then
        s.slice_at[k] = slice
        for i = 0, block.BUCKETS - 1 do
            counts[i] = 0
        end
    end
    local i = ms < 1 and 0 or min(block.BUCKETS - 1, 1 + floor(log(ms) / log(2) * PER_DOUBLING))
    counts[i] = counts[i] + 1
end

--- Adds what slots noted within the last `seconds` to `sums` (a table from 0), and returns it.
function M.add(sums, s, seconds, now)
    local last = floor(now / SLICE_MS)
    for slice = max(0, last - seconds * 1000 / SLICE_MS), last do
        local k = slice % block.SLICES
        if s.slice_at[k] == slice then
            for i = 0, block.BUCKETS - 1 do
                sums[i] = (sums[i] or 0) + s.slices[k][i]
            end
        end
    end
    return sums
end

-- The middle of a bucket, ms: as far from its one end as from the other.
local function ms_of(i)
    return i == 0 and 1 or 2 ^ ((i - 0.5) / PER_DOUBLING)
end

--- The quantiles p50, p95 and p99 in ms, rounded; nil when there was nothing.
function M.quantiles(sums)
    local all = 0
    for i = 0, block.BUCKETS - 1 do
        all = all + (sums[i] or 0)
    end
    if all == 0 then
        return nil
    end
    local found, seen = { n = all }, 0
    for i = 0, block.BUCKETS - 1 do
        seen = seen + (sums[i] or 0)
        for _, p in ipairs { 50, 95, 99 } do
            if not found["p" .. p] and seen >= all * p / 100 then
                found["p" .. p] = floor(ms_of(i) + 0.5)
            end
        end
    end
    return found
end

return M
