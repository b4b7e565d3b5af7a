# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="assignment"
"""What the compiled kernel calls: curves and rates of return, in plain Python that numba can read.

The text of this file is copied into every generated kernel, so it imports nothing of ours and calls nothing but
NumPy. A lane is one future; `LANES` of them stand side by side in flat arrays, and every loop over them is free of
branches, so that the compiler turns it into packed instructions. The curves follow fdlibm (Sun Microsystems, 1993)
and are the same on every machine.
"""

from __future__ import annotations

import numpy as np

LANES = 64
inf = np.inf

# --- curves -----------------------------------------------------------------------------------------------------------


def smaller(one, other):
    """The smaller of two; what is not a number wins, as in np.minimum."""
    least = one if one < other else other
    return one if one != one else least


def larger(one, other):
    """The larger of two; what is not a number wins, as in np.maximum."""
    most = one if one > other else other
    return one if one != one else most


def sqrt(x):
    """Square root."""
    return np.sqrt(x)


def exp(x):
    """E to the power x, to the last digit but one."""
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    doublings = (x * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0  # rounded to a whole number
    high = x - doublings * 6.93147180369123816490e-01
    low = doublings * 1.90821492927058770002e-10
    rest = high - low
    square = rest * rest
    bend = 4.13813679705723846039e-08
    bend = -1.65339022054652515390e-06 + square * bend
    bend = 6.61375632143793436117e-05 + square * bend
    bend = -2.77777777770155933842e-03 + square * bend
    bend = 1.66666666666666019037e-01 + square * bend
    bend = rest - square * bend
    grown = 1.0 - ((low - (rest * bend) / (2.0 - bend)) - high)
    # Two factors, as one power of two cannot be both large enough and small enough.
    half = np.float64(doublings * 0.5 + 6755399441055744.0)
    whole = np.float64(doublings - (half - 6755399441055744.0) + 6755399441055744.0)
    one = np.int64((half.view(np.int64) + 1023) << 52).view(np.float64)
    other = np.int64((whole.view(np.int64) + 1023) << 52).view(np.float64)
    return grown * one * other


def log(x):
    """Natural logarithm, to the last digit but one."""
    is_tiny = x < 2.2250738585072014e-308
    bits = np.float64(x * 18014398509481984.0 if is_tiny else x).view(np.int64)
    mantissa = np.int64((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
    doublings = np.int64(((bits >> 52) & 0x7FF) | 0x4330000000000000).view(np.float64) - 4503599627371519.0
    doublings = doublings - 54.0 if is_tiny else doublings
    is_high = mantissa > 1.4142135623730951
    doublings = doublings + 1.0 if is_high else doublings
    part = (mantissa * 0.5 if is_high else mantissa) - 1.0
    ratio = part / (2.0 + part)
    square = ratio * ratio
    fourth = square * square
    even = 2.222219843214978396e-01 + fourth * 1.531383769920937332e-01
    even = fourth * (3.999999999940941908e-01 + fourth * even)
    odd = 1.818357216161805012e-01 + fourth * 1.479819860511658591e-01
    odd = square * (6.666666666666735130e-01 + fourth * (2.857142874366239149e-01 + fourth * odd))
    half = 0.5 * part * part
    low = ratio * (half + even + odd) + doublings * 1.90821492927058770002e-10
    found = doublings * 6.93147180369123816490e-01 - ((half - low) - part)
    found = x if (x == np.inf) | (x != x) else found
    found = -np.inf if x == 0.0 else found
    return np.nan if x < 0.0 else found


def power(base, exponent):
    """`base` to the power `exponent`, with every special case of np.power."""
    size = -base if base < 0.0 else base
    grown = exp(exponent * log(size))
    grown = 1.0 if size == 1.0 else grown
    half = exponent * 0.5
    is_whole = np.floor(exponent) == exponent
    is_odd = is_whole & (np.floor(half) != half)
    is_negative = np.float64(base).view(np.int64) < 0
    grown = -grown if is_negative & is_odd else grown
    grown = np.nan if (base < 0.0) & (base != -np.inf) & (exponent == exponent) & (not is_whole) else grown
    grown = np.nan if (exponent != exponent) | (base != base) else grown
    return 1.0 if (exponent == 0.0) | (base == 1.0) else grown


def log1p(x):
    """log(1 + x), exact for tiny x too."""
    sum_ = 1.0 + x
    straight = log(sum_)
    found = straight - ((sum_ - 1.0) - x) / sum_
    return straight if (sum_ == np.inf) | (sum_ == 0.0) else found


def expm1(x):
    """exp(x) − 1, exact for tiny x too (Kahan)."""
    grown = exp(x)
    found = (grown - 1.0) * (x / log(grown))
    found = grown - 1.0 if (grown == np.inf) | (grown < 0.5) | (grown > 2.0) else found
    return x if grown == 1.0 else found


def annualised(rate, periods_per_year):
    """Yearly rate from a rate per period."""
    return expm1(periods_per_year * log1p(rate))


def multiple(paid, got):
    """Money got back ÷ money paid in; no limit or 0 where nothing was."""
    return got / paid if paid > 0.0 else (np.inf if got > 0.0 else 0.0)


# --- rates of return: all lanes together ------------------------------------------------------------------------------
# The method, its constants and its names are those of irr.py; test_kernel_irr.py compares the two. Flows stand period
# by period, a lane beside the other: flow[at + t * LANES + lane].

ONE_RATE, SEVERAL_RATES, NEVER_REPAID, NEVER_PAID_IN, NO_FLOWS, NO_RATE = 0.0, 1.0, 2.0, 3.0, 4.0, 5.0
ROUNDING = 2.0**-53
RESIDUE = 1e-12
TIE = 1e-12
SETTLED = 1e-8
LOWEST, HIGHEST = 1e-100, 1e100  # flows beyond are brought near 1 first
MORE_STEPS, VALUE_STEPS = 8, 3
NEWTON_TURNS, MOST_TURNS = 30, 200
# Places in `work`, one lane beside the other in each.
RATE, STATE, UNFIT, LARGEST, CHANGES, LAST = (k * LANES for k in range(6))
GOT, PAID, GOT_FIRST, PAID_FIRST, GOT_SECOND, PAID_SECOND = (k * LANES for k in range(6, 12))
GUESS, DISCOUNT, STEP, SLOPE, SURE = (k * LANES for k in range(12, 17))
WORK = 17 * LANES  # numbers in `work`


def solve_rates(flow, at, periods, work, room):
    """Rates and states of all lanes into `work`; a lane whose flow is not finite is marked as unfit.

    The flow is overwritten. `room` is for the search of lanes with more than one rate: see `room_needed`.
    """
    read_signs(flow, at, periods, work)
    several = 0
    for i in range(LANES):
        several += 1 if work[CHANGES + i] > 1.0 else 0
    if several > 0:
        prove_single(flow, at, periods, work)
    guess_rates(flow, at, periods, work)
    for i in range(LANES):
        work[DISCOUNT + i] = work[GUESS + i]
    step_on_logarithm(flow, at, periods, work)
    step_on_value(flow, at, periods, work)
    waiting = take_settled(work)
    if waiting > 0:
        for i in range(LANES):
            work[DISCOUNT + i] = work[GUESS + i]
        for _ in range(MORE_STEPS):
            step_on_logarithm(flow, at, periods, work)
        step_on_value(flow, at, periods, work)
        waiting = take_settled(work)
    if waiting > 0:
        for i in range(LANES):
            if work[STATE + i] < 0.0:
                search(flow, at + i, periods, room, work, i)


def read_signs(flow, at, periods, work):
    """Clean the flows of residues, count the changes of sign, and say what signs alone can say: −1 for a rate."""
    for i in range(LANES):
        work[LARGEST + i] = 0.0
        work[CHANGES + i] = 0.0
        work[LAST + i] = 0.0
        work[RATE + i] = np.nan
    for t in range(periods):
        for i in range(LANES):
            work[LARGEST + i] = larger(work[LARGEST + i], abs(flow[at + t * LANES + i]))
    for t in range(periods):
        for i in range(LANES):
            amount = flow[at + t * LANES + i]
            amount = amount if abs(amount) > RESIDUE * work[LARGEST + i] else 0.0
            last = work[LAST + i]
            work[CHANGES + i] += 1.0 if amount * last < 0.0 else 0.0
            sign = 1.0 if amount > 0.0 else -1.0
            work[LAST + i] = sign if amount != 0.0 else last
            flow[at + t * LANES + i] = amount
    for i in range(LANES):
        largest = work[LARGEST + i]
        work[UNFIT + i] = 1.0 if (largest == np.inf) | (largest != largest) else 0.0
        changes = work[CHANGES + i]
        last = work[LAST + i]
        alone = NO_FLOWS if last == 0.0 else (NEVER_PAID_IN if last > 0.0 else NEVER_REPAID)
        work[STATE + i] = alone if (changes == 0.0) | (work[UNFIT + i] > 0.0) else -1.0
        is_extreme = (largest < LOWEST) | (largest > HIGHEST)
        work[SURE + i] = 1.0 if (changes == 1.0) & (not is_extreme) else 0.0


def prove_single(flow, at, periods, work):
    """Mark as sure the lanes whose running totals, from the front and from the back, change sign once between them."""
    for i in range(LANES):
        work[GOT + i] = 0.0
    for t in range(periods):
        for i in range(LANES):
            work[GOT + i] += abs(flow[at + t * LANES + i])
    for i in range(LANES):
        work[GOT + i] *= (4 * periods + 8) * ROUNDING
        work[PAID + i] = 0.0  # changes from both ends
        work[GUESS + i] = 1.0  # whether both are certain
    for end in range(2):
        for i in range(LANES):
            work[GOT_FIRST + i] = 0.0
            work[PAID_FIRST + i] = 0.0
        for t in range(periods):
            place = at + (t if end == 0 else periods - 1 - t) * LANES
            for i in range(LANES):
                sum_ = work[GOT_FIRST + i] + flow[place + i]
                size = work[GOT + i]
                last = work[PAID_FIRST + i]
                sign = (1.0 if sum_ > size else 0.0) - (1.0 if sum_ < -size else 0.0)
                work[PAID + i] += 1.0 if sign * last < 0.0 else 0.0
                last = sign if sign != 0.0 else last
                work[GUESS + i] = work[GUESS + i] if (sign != 0.0) | (last == 0.0) else 0.0
                work[PAID_FIRST + i] = last
                work[GOT_FIRST + i] = sum_
    for i in range(LANES):
        largest = work[LARGEST + i]
        is_proven = (work[GUESS + i] > 0.0) & (work[PAID + i] == 1.0) & (work[CHANGES + i] > 1.0)
        is_proven = is_proven & (largest >= LOWEST) & (largest <= HIGHEST)
        work[SURE + i] = 1.0 if is_proven else work[SURE + i]


def guess_rates(flow, at, periods, work):
    """Discount factors from totals, mean times and their variances."""
    for i in range(LANES):
        work[GOT + i] = 0.0
        work[PAID + i] = 0.0
        work[GOT_FIRST + i] = 0.0
        work[PAID_FIRST + i] = 0.0
        work[GOT_SECOND + i] = 0.0
        work[PAID_SECOND + i] = 0.0
    for t in range(periods - 1, -1, -1):
        for i in range(LANES):
            amount = flow[at + t * LANES + i]
            got = amount if amount > 0.0 else 0.0
            got_first, paid_first = work[GOT_FIRST + i], work[PAID_FIRST + i]
            got_sum, paid_sum = work[GOT + i], work[PAID + i]
            work[GOT_SECOND + i] += got_first
            work[PAID_SECOND + i] += paid_first
            work[GOT_FIRST + i] = got_first + got_sum
            work[PAID_FIRST + i] = paid_first + paid_sum
            work[GOT + i] = got_sum + got
            work[PAID + i] = paid_sum + (got - amount)
    for i in range(LANES):
        got, paid = work[GOT + i], work[PAID + i]
        mean_got, mean_paid = work[GOT_FIRST + i] / got, work[PAID_FIRST + i] / paid
        spread_got = 2.0 * work[GOT_SECOND + i] / got + mean_got - mean_got * mean_got
        spread_paid = 2.0 * work[PAID_SECOND + i] / paid + mean_paid - mean_paid * mean_paid
        height, slope = log(got / paid), mean_got - mean_paid
        straight = height / slope
        bent = slope - (spread_got - spread_paid) * straight / 2.0
        work[GUESS + i] = exp(-(height / bent if bent * slope > slope * slope / 2.0 else straight))


def step_on_logarithm(flow, at, periods, work):
    """Newton's step on log(PV of receipts / PV of payments) in log(1 + rate)."""
    for i in range(LANES):
        work[GOT + i] = 0.0
        work[PAID + i] = 0.0
        work[GOT_FIRST + i] = 0.0
        work[PAID_FIRST + i] = 0.0
    for t in range(periods - 1, -1, -1):
        for i in range(LANES):
            amount = flow[at + t * LANES + i]
            got = amount if amount > 0.0 else 0.0
            discount = work[DISCOUNT + i]
            got_sum, paid_sum = work[GOT + i], work[PAID + i]
            work[GOT_FIRST + i] = work[GOT_FIRST + i] * discount + got_sum
            work[PAID_FIRST + i] = work[PAID_FIRST + i] * discount + paid_sum
            work[GOT + i] = got_sum * discount + got
            work[PAID + i] = paid_sum * discount + (got - amount)
    for i in range(LANES):
        got, paid, discount = work[GOT + i], work[PAID + i], work[DISCOUNT + i]
        slope = discount * (work[GOT_FIRST + i] / got - work[PAID_FIRST + i] / paid)
        work[DISCOUNT + i] = discount * exp(-(log(got / paid) / slope))


def step_on_value(flow, at, periods, work):
    """Newton's steps on the value itself, for the last digits."""
    for _ in range(VALUE_STEPS):
        for i in range(LANES):
            work[GOT + i] = 0.0
            work[SLOPE + i] = 0.0
        for t in range(periods - 1, -1, -1):
            for i in range(LANES):
                value, discount = work[GOT + i], work[DISCOUNT + i]
                work[SLOPE + i] = work[SLOPE + i] * discount + value
                work[GOT + i] = value * discount + flow[at + t * LANES + i]
        for i in range(LANES):
            step = work[GOT + i] / work[SLOPE + i]
            work[STEP + i] = step
            work[DISCOUNT + i] -= step


def take_settled(work):
    """Keep the rates that Newton has settled on; how many lanes have no answer yet."""
    waiting = 0.0
    for i in range(LANES):
        discount = work[DISCOUNT + i]
        is_settled = (abs(work[STEP + i]) <= SETTLED * discount) & (abs(work[SLOPE + i]) < np.inf)
        is_taken = is_settled & (work[SURE + i] > 0.0) & (work[STATE + i] < 0.0)
        work[RATE + i] = (1.0 - discount) / discount if is_taken else work[RATE + i]
        work[STATE + i] = ONE_RATE if is_taken else work[STATE + i]
        waiting += 1.0 if work[STATE + i] < 0.0 else 0.0
    return waiting


# --- rates of return: one lane, the whole line ------------------------------------------------------------------------


def room_needed(periods: int) -> int:
    """Numbers that `search` needs room for: the flow, its derivatives, their turning points, and the roots found."""
    return periods * (periods + 8)


def search(flow, at, periods, room, work, lane):
    """The rate of one lane nearest to zero and how many there are, from all its roots."""
    n = periods
    own, roots, crossings = room[:n], room[n : 3 * n], room[3 * n : 5 * n]
    largest = 0.0
    for t in range(n):
        largest = max(largest, abs(flow[at + t * LANES]))
    scale = 1.0
    while largest * scale < LOWEST:
        scale *= 1.2676506002282294e30  # two to the power 100, which changes no digit
    while largest * scale > HIGHEST:
        scale /= 1.2676506002282294e30
    for t in range(n):
        own[t] = flow[at + t * LANES] * scale
    at_zero = sign_at(own, n, 0.0)
    levels = room[5 * n :]
    beyond = roots_beyond_zero(own, n, at_zero, levels, roots, crossings)
    above, above_falls = expm1(roots[0]) if beyond > 0 else np.nan, crossings[0] < 0.0
    for t in range(n // 2):
        own[t], own[n - 1 - t] = own[n - 1 - t], own[t]
    before = roots_beyond_zero(own, n, at_zero, levels, roots, crossings)
    below, below_falls = expm1(-roots[0]) if before > 0 else np.nan, crossings[0] > 0.0
    count = before + beyond + (1 if at_zero == 0.0 else 0)
    # The first on each side of zero is the nearest there. Of those equally near, irr.py takes the first, from the
    # left, where the value falls as the rate rises, else the first.
    is_nearer = abs(above) < abs(below) - TIE or below != below
    is_tied = abs(above) <= abs(below) + TIE and above_falls and not below_falls
    rate = above if is_nearer or is_tied else below
    rate = 0.0 if at_zero == 0.0 else rate
    work[RATE + lane] = rate
    work[STATE + lane] = NO_RATE if count == 0 else (ONE_RATE if count == 1 else SEVERAL_RATES)


def sign_at(flow, n, x):
    """Sign of the value at x ≥ 0, and 0 where rounding could have made it."""
    discount = exp(-x)
    value, size = 0.0, 0.0
    for t in range(n - 1, -1, -1):
        value = value * discount + flow[t]
        size = size * discount + abs(flow[t])
    if abs(value) <= (4 * n + 8) * ROUNDING * size:
        return 0.0
    return 1.0 if value > 0.0 else -1.0


def roots_beyond_zero(flow, n, at_zero, levels, roots, crossings):
    """How many roots x > 0 a flow has; the first of them and its crossing are noted.

    The flow's derivatives are made until one has at most one root; then each one's roots are the places where the
    one above it may turn.
    """
    turns = levels[:n]
    chain = levels[n:]
    first = 0
    while flow[first] == 0.0:
        first += 1
    for t in range(n):
        chain[t] = flow[first + t] if first + t < n else 0.0
    depth = 0
    while may_turn(chain[depth * n : depth * n + n], n):
        derive(chain[depth * n : depth * n + n], chain[depth * n + n : depth * n + 2 * n], n)
        depth += 1
    found = 0
    for level in range(depth, -1, -1):
        own = chain[level * n : level * n + n]
        largest = 0.0
        for t in range(n):
            largest = max(largest, abs(own[t]))
        end = log1p(largest / abs(own[0])) + 1e-9
        for k in range(found):
            turns[k] = min(roots[k], end)
        begin = at_zero if level == 0 else sign_at(own, n, 0.0)
        found = walk(own, n, begin, turns, found, end, level == 0, roots, crossings)
    return found


def may_turn(flow, n):
    """Whether the value may have more than one root beyond zero, as far as signs and running totals tell."""
    changes, last = 0, 0.0
    size = 0.0
    for t in range(n):
        if flow[t] * last < 0.0:
            changes += 1
        if flow[t] != 0.0:
            last = 1.0 if flow[t] > 0.0 else -1.0
        size += abs(flow[t])
    if changes <= 1:
        return False
    size *= (4 * n + 8) * ROUNDING
    sum_, last, changes, is_sure = 0.0, 0.0, 0, True
    for t in range(n):
        sum_ += flow[t]
        sign = 1.0 if sum_ > size else (-1.0 if sum_ < -size else 0.0)
        if sign * last < 0.0:
            changes += 1
        if sign != 0.0:
            last = sign
        elif last != 0.0:
            is_sure = False
    return not (is_sure and changes <= 1)


def derive(flow, derived, n):
    """The flow whose value is the derivative of exp(k·x)·value, k amid the first sign change."""
    after = 0
    while flow[after] * flow[0] >= 0.0:
        after += 1
    before = after - 1
    while flow[before] == 0.0:
        before -= 1
    largest = 0.0
    for t in range(n):
        derived[t] = ((before + after) / 2.0 - t) * flow[t]
        largest = max(largest, abs(derived[t]))
    for t in range(n):
        derived[t] /= largest


def walk(flow, n, begin, turns, places, end, is_first_enough, roots, crossings):
    """Go along the turning points to the end: how many roots there are.

    Their places are noted, or only that of the first if that is enough.
    """
    last, zero, point_before = begin, np.nan, 0.0
    found = 0
    for k in range(places + 1):
        point = turns[k] if k < places else end
        sign = sign_at(flow, n, point) if k < places else (1.0 if flow[0] > 0.0 else -1.0)
        is_change = last != 0.0 and sign != 0.0 and sign != last
        ends_zero = sign != 0.0 and last != 0.0 and zero == zero
        if ends_zero or is_change:
            if found == 0 or not is_first_enough:
                roots[found] = zero if ends_zero else bracketed(flow, n, point_before, point, -sign)
                crossings[found] = sign if is_change else 0.0
            found += 1
        if sign != 0.0:
            zero = np.nan
            last = sign
        elif zero != zero:
            zero = point
        point_before = point
    return found


def bracketed(flow, n, low, high, sign_low):
    """The root between `low` and `high` ≥ 0, where the signs differ: Newton, halving where it strays."""
    x = low + min((high - low) / 2.0, 0.1)
    for turn in range(MOST_TURNS):
        discount = exp(-x)
        got, paid, got_time, paid_time = 0.0, 0.0, 0.0, 0.0
        for t in range(n - 1, -1, -1):
            part = flow[t] if flow[t] > 0.0 else 0.0
            got_time = got_time * discount + got
            paid_time = paid_time * discount + paid
            got = got * discount + part
            paid = paid * discount + (part - flow[t])
        step = log(got / paid) / (discount * (got_time / got - paid_time / paid))
        value = got - paid
        if (value > 0.0 and sign_low > 0.0) or (value < 0.0 and sign_low < 0.0):
            low = x
        else:
            high = x
        target = x + step
        is_inside = low <= target <= high
        is_root = abs(value) <= (4 * n + 8) * ROUNDING * (got + paid)
        if turn > NEWTON_TURNS and turn % 2 == 1:
            is_inside = is_inside and is_root
        if not is_inside:
            target = x if is_root else (low + high) / 2.0
        if is_root or not abs(target - x) > 8.0 * ROUNDING * max(target, 1e-3):
            return target
        x = target
    return x
