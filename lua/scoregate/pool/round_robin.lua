-- Smooth weighted round robin, as nginx does it (ngx_http_upstream_round_robin.c): each one gains its weight, the
-- richest is picked and pays what all have gained. Weights of 5, 1, 1 give a a b a c a a, not a a a a a b c.

--- Picks one of `n` candidates; `weights` are what they have at present. Under the lock.
return function(candidates, n, weights)
    local best, total = candidates[1], 0
    for i = 1, n do
        local s = candidates[i].s
        s.current = s.current + weights[i]
        total = total + weights[i]
        if s.current > best.s.current then
            best = candidates[i]
        end
    end
    best.s.current = best.s.current - total
    return best
end
