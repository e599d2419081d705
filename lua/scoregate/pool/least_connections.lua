-- The one with the fewest requests under way in all workers, by its weight; among equals, the one whose turn it is:
-- without that a quiet site would only ever use the first.

--- Picks one of `n` candidates; `weights` are what they have at present. Under the lock.
return function(candidates, n, weights)
    local best, least
    for i = 1, n do
        local s = candidates[i].s
        local load = (s.in_flight + 1) / weights[i]
        if not best or load < least or (load == least and s.picked < best.s.picked) then
            best, least = candidates[i], load
        end
    end
    return best
end
