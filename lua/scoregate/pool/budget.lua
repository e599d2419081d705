-- How many retries a tier may make: a share of its requests, so that a failing site is not hit twice as hard. A few are
-- there from the start, for sites with few requests.

local START, MOST = 10, 100

local M = {}

--- A request has come. Under the lock, like all of these; `counts` are the tier's.
function M.earn(counts, share)
    if counts.requests == 0 then
        counts.budget = START
    end
    counts.requests = counts.requests + 1
    counts.budget = math.min(MOST, counts.budget + share)
end

--- A request is to be sent once more. Returns whether it may be.
function M.spend(counts)
    if counts.budget < 1 then
        counts.retries_refused = counts.retries_refused + 1
        return false
    end
    counts.budget = counts.budget - 1
    return true
end

return M
