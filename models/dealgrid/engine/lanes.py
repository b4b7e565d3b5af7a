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
    """Yearly rate from a rate per period; periods of a year are spared the curves."""
    return rate if periods_per_year == 1.0 else expm1(periods_per_year * log1p(rate))


def multiple(paid, got):
    """Money got back ÷ money paid in; no limit or 0 where nothing was."""
    return got / paid if paid > 0.0 else (np.inf if got > 0.0 else 0.0)


# --- lanes in and out -------------------------------------------------------------------------------------------------


def copy(source, target):
    """Copy the lanes of one place to another.

    A compiler that knew how many there are would write each copy out, one number at a time.
    """
    for i in range(source.size):
        target[i] = source[i]


# --- rates of return: all lanes together ------------------------------------------------------------------------------
# The method, its constants and its names are those of irr.py; test_lanes.py compares the two. Flows stand period by
# period, a lane beside the other: flow[t * width + lane]. Zeros follow, up to a multiple of `STRIDE` periods.

ONE_RATE, SEVERAL_RATES, NEVER_REPAID, NEVER_PAID_IN, NO_FLOWS, NO_RATE = 0.0, 1.0, 2.0, 3.0, 4.0, 5.0
ROUNDING = 2.0**-53
RESIDUE = 1e-12
TIE = 1e-12
APART = 0.01
SETTLED = 1e-8
LOWEST, HIGHEST = 1e-100, 1e100  # flows beyond are brought near 1 first
MORE_STEPS, TURN_STEPS, VALUE_STEPS = 8, 4, 3
NEWTON_TURNS, MOST_TURNS = 30, 200
STRIDE = 4  # periods a lane takes in one go, its sums in registers
PACK = 16  # lanes that signs alone do not answer are put together, so that few cost little
# Places in `work`, one lane beside the other in each.
RATE, STATE, UNFIT, LARGEST, CHANGES, LAST = (k * LANES for k in range(6))
GOT, PAID, GOT_FIRST, PAID_FIRST, GOT_SECOND, PAID_SECOND = (k * LANES for k in range(6, 12))
GUESS, DISCOUNT, STEP, SLOPE, SURE = (k * LANES for k in range(12, 17))
# The same for a pack, and what only a pack needs.
PACKED = 17 * LANES
WHERE, FIRST, BEFORE, AFTER, TURN, SIGN, AT_TURN, AT_ZERO = (k * LANES for k in range(17, 25))
LOW, HIGH, X, GOING, ROOT, OTHER_ROOT = (k * LANES for k in range(25, 31))
WORK = PACKED + 31 * LANES  # numbers in `work`


def padded(periods: int) -> int:
    """Periods of a flow with the zeros that follow it."""
    return (periods + STRIDE - 1) // STRIDE * STRIDE


def room_needed(periods: int) -> int:
    """Numbers that packs and `search` need room for.

    Flows of a pack, backwards too, and their derivatives; of one lane the flow, its derivatives, their turning
    points, and the roots found.
    """
    return 3 * padded(periods) * PACK + periods * (periods + 8)


def solve_rates(flow, periods, work, room):
    """Rates and states of all lanes into `work`; a lane whose flow is not finite is marked as unfit.

    The flow is overwritten. `room` is for the lanes that signs alone do not answer: see `room_needed`.
    """
    read_signs(flow, periods, work)
    guess_rates(flow, periods, work, LANES)
    settle(flow, periods, work, LANES, 1)
    lane = 0 if take_settled(work, LANES) > 0 else LANES
    while lane < LANES:
        lane = solve_pack(flow, periods, work, room, lane)


def read_signs(flow, periods, work):
    """Clean the flows of residues, count the changes of sign, and say what signs alone can say: −1 for a rate."""
    for i in range(LANES):
        work[LARGEST + i] = 0.0
        work[UNFIT + i] = 0.0
        work[CHANGES + i] = 0.0
        work[LAST + i] = 0.0
        work[RATE + i] = np.nan
    for t in range(0, periods, STRIDE):
        part = flow[t * LANES : (t + STRIDE) * LANES]
        for i in range(LANES):
            largest, unfit = work[LARGEST + i], work[UNFIT + i]
            for k in range(STRIDE):
                amount = abs(part[k * LANES + i])
                largest = amount if amount > largest else largest
                unfit += amount - amount  # not a number for what is not finite
            work[LARGEST + i], work[UNFIT + i] = largest, unfit
    for t in range(0, periods, STRIDE):
        part = flow[t * LANES : (t + STRIDE) * LANES]
        for i in range(LANES):
            least = RESIDUE * work[LARGEST + i]
            changes, last = work[CHANGES + i], work[LAST + i]
            for k in range(STRIDE):
                amount = part[k * LANES + i]
                amount = amount if abs(amount) > least else 0.0
                changes += 1.0 if amount * last < 0.0 else 0.0
                sign = 1.0 if amount > 0.0 else -1.0
                last = sign if amount != 0.0 else last
                part[k * LANES + i] = amount
            work[CHANGES + i], work[LAST + i] = changes, last
    for i in range(LANES):
        largest = work[LARGEST + i]
        unfit = work[UNFIT + i] != 0.0
        work[UNFIT + i] = 1.0 if unfit else 0.0
        changes = work[CHANGES + i]
        last = work[LAST + i]
        alone = NO_FLOWS if last == 0.0 else (NEVER_PAID_IN if last > 0.0 else NEVER_REPAID)
        work[STATE + i] = alone if (changes == 0.0) | unfit else -1.0
        is_extreme = (largest < LOWEST) | (largest > HIGHEST)
        work[SURE + i] = 1.0 if (changes == 1.0) & (not is_extreme) else 0.0


def guess_rates(flow, periods, work, width):
    """Discount factors from totals, mean times and their variances."""
    for i in range(width):
        work[GOT + i], work[GOT_FIRST + i], work[GOT_SECOND + i] = 0.0, 0.0, 0.0
        work[PAID + i], work[PAID_FIRST + i], work[PAID_SECOND + i] = 0.0, 0.0, 0.0
    for t in range((periods - 1) // STRIDE * STRIDE, -1, -STRIDE):
        part = flow[t * width : (t + STRIDE) * width]
        for i in range(width):
            got, got_first, got_second = work[GOT + i], work[GOT_FIRST + i], work[GOT_SECOND + i]
            paid, paid_first, paid_second = work[PAID + i], work[PAID_FIRST + i], work[PAID_SECOND + i]
            for k in range(STRIDE):
                amount = part[(STRIDE - 1 - k) * width + i]
                receipt = amount if amount > 0.0 else 0.0
                got_second += got_first
                paid_second += paid_first
                got_first += got
                paid_first += paid
                got += receipt
                paid += receipt - amount
            work[GOT + i], work[GOT_FIRST + i], work[GOT_SECOND + i] = got, got_first, got_second
            work[PAID + i], work[PAID_FIRST + i], work[PAID_SECOND + i] = paid, paid_first, paid_second
    for i in range(width):
        by_got, by_paid = 1.0 / work[GOT + i], 1.0 / work[PAID + i]
        mean_got, mean_paid = work[GOT_FIRST + i] * by_got, work[PAID_FIRST + i] * by_paid
        spread_got = 2.0 * work[GOT_SECOND + i] * by_got + mean_got - mean_got * mean_got
        spread_paid = 2.0 * work[PAID_SECOND + i] * by_paid + mean_paid - mean_paid * mean_paid
        height, slope = log(work[GOT + i] * by_paid), mean_got - mean_paid
        bent = slope - (spread_got - spread_paid) * (height / slope) / 2.0
        guess = exp(-height / (bent if bent * slope > slope * slope / 2.0 else slope))
        work[GUESS + i] = guess
        work[DISCOUNT + i] = guess


def value_parts(flow, periods, work, width):
    """Present values of receipts and of payments at each lane's discount factor, and their derivatives in it."""
    for i in range(width):
        work[GOT + i], work[GOT_FIRST + i] = 0.0, 0.0
        work[PAID + i], work[PAID_FIRST + i] = 0.0, 0.0
    for t in range((periods - 1) // STRIDE * STRIDE, -1, -STRIDE):
        part = flow[t * width : (t + STRIDE) * width]
        for i in range(width):
            discount = work[DISCOUNT + i]
            got, got_first = work[GOT + i], work[GOT_FIRST + i]
            paid, paid_first = work[PAID + i], work[PAID_FIRST + i]
            for k in range(STRIDE):
                amount = part[(STRIDE - 1 - k) * width + i]
                receipt = amount if amount > 0.0 else 0.0
                got_first = got_first * discount + got
                paid_first = paid_first * discount + paid
                got = got * discount + receipt
                paid = paid * discount + (receipt - amount)
            work[GOT + i], work[GOT_FIRST + i] = got, got_first
            work[PAID + i], work[PAID_FIRST + i] = paid, paid_first


def step_on_logarithm(flow, periods, work, width):
    """Newton's step on log(PV of receipts / PV of payments) in log(1 + rate)."""
    value_parts(flow, periods, work, width)
    for i in range(width):
        got, paid, discount = work[GOT + i], work[PAID + i], work[DISCOUNT + i]
        slope = discount * (work[GOT_FIRST + i] / got - work[PAID_FIRST + i] / paid)
        work[DISCOUNT + i] = discount * exp(-(log(got / paid) / slope))


def step_on_value(flow, periods, work, width):
    """Newton's steps on the value itself, for the last digits."""
    for _ in range(VALUE_STEPS):
        for i in range(width):
            work[GOT + i], work[SLOPE + i] = 0.0, 0.0
        for t in range((periods - 1) // STRIDE * STRIDE, -1, -STRIDE):
            part = flow[t * width : (t + STRIDE) * width]
            for i in range(width):
                discount, value, slope = work[DISCOUNT + i], work[GOT + i], work[SLOPE + i]
                for k in range(STRIDE):
                    slope = slope * discount + value
                    value = value * discount + part[(STRIDE - 1 - k) * width + i]
                work[GOT + i], work[SLOPE + i] = value, slope
        for i in range(width):
            step = work[GOT + i] / work[SLOPE + i]
            work[STEP + i] = step
            work[DISCOUNT + i] -= step


def settle(flow, periods, work, width, steps):
    """Newton's steps, so many on the logarithm, then those on the value."""
    for _ in range(steps):
        step_on_logarithm(flow, periods, work, width)
    step_on_value(flow, periods, work, width)


def is_settled(work, i):
    """Whether Newton's last step was so small that its square is nothing."""
    return (abs(work[STEP + i]) <= SETTLED * work[DISCOUNT + i]) & (abs(work[SLOPE + i]) < np.inf)


def take_settled(work, width):
    """Keep the rates of lanes that are sure to have one, once settled; how many lanes have no answer yet."""
    waiting = 0
    for i in range(width):
        discount = work[DISCOUNT + i]
        is_taken = is_settled(work, i) & (work[SURE + i] > 0.0) & (work[STATE + i] < 0.0)
        work[RATE + i] = (1.0 - discount) / discount if is_taken else work[RATE + i]
        work[STATE + i] = ONE_RATE if is_taken else work[STATE + i]
        waiting += 1 if work[STATE + i] < 0.0 else 0
    return waiting


# --- rates of return: a pack of lanes that signs alone do not answer --------------------------------------------------


def solve_pack(flow, periods, work, room, lane):
    """Answer the next `PACK` lanes without an answer, from `lane` on; the lane to go on from."""
    pack = work[PACKED:]
    size = padded(periods) * PACK
    flows, rest = room[:size], room[size:]
    count, lane = pack_up(flow, periods, work, lane, pack, flows)
    waiting = count
    for steps in (0, MORE_STEPS):
        if waiting > 0:
            settle(flows, periods, pack, PACK, steps)
            prove_single(flows, periods, pack)
            take_settled(pack, PACK)
            waiting = take_nearer_of_two(flows, periods, pack)
            copy(pack[GUESS : GUESS + PACK], pack[DISCOUNT : DISCOUNT + PACK])
    several = 0
    for i in range(PACK):
        several += 1 if is_of_two(pack, i) else 0
    if several > 0:
        waiting = solve_two(flows, periods, pack, rest)
    for i in range(count):
        if waiting > 0 and pack[STATE + i] < 0.0:
            search(flows, periods, rest[2 * size :], pack, i)
        lane_of = int(pack[WHERE + i])
        work[RATE + lane_of], work[STATE + lane_of] = pack[RATE + i], pack[STATE + i]
    return lane


def pack_up(flow, periods, work, lane, pack, flows):
    """Copy the lanes without an answer into the pack, until it is full; how many, and the lane to go on from."""
    count = 0
    while lane < LANES and count < PACK:
        if work[STATE + lane] < 0.0:
            pack[WHERE + count] = lane
            count += 1
        lane += 1
    for i in range(PACK):
        own = int(pack[WHERE + (i if i < count else 0)])
        for place in (RATE, STATE, LARGEST, CHANGES, LAST, GUESS, DISCOUNT, STEP, SLOPE, SURE):
            pack[place + i] = work[place + own]
        pack[STATE + i] = -1.0 if i < count else NO_FLOWS  # the rest of the pack only fills it
        for t in range(padded(periods)):
            flows[t * PACK + i] = flow[t * LANES + own]
    return count, lane


def is_of_two(pack, i):
    """Whether a lane waits, changes its sign twice, and is neither very large nor very small."""
    largest = pack[LARGEST + i]
    return (pack[STATE + i] < 0.0) & (pack[CHANGES + i] == 2.0) & (largest >= LOWEST) & (largest <= HIGHEST)


def is_confirmed(pack, i):
    """Whether Newton's last step was the last one there is, as it must be where there may be several rates."""
    return (abs(pack[STEP + i]) <= TIE * pack[DISCOUNT + i]) & (abs(pack[SLOPE + i]) < np.inf)


def prove_single(flow, periods, pack):
    """Mark as sure the lanes whose balance, with interest at their rate, never changes its sign before its end."""
    value_at(flow, periods, pack, DISCOUNT)  # the size into PAID
    for i in range(PACK):
        pack[BEFORE + i], pack[AFTER + i], pack[X + i] = -1.0, 0.0, 0.0
    for t in range(periods):
        part = flow[t * PACK : (t + 1) * PACK]
        for i in range(PACK):
            is_first = (part[i] != 0.0) & (pack[BEFORE + i] < 0.0)
            pack[X + i] = (1.0 if part[i] > 0.0 else -1.0) if is_first else pack[X + i]
            pack[BEFORE + i] = t if is_first else pack[BEFORE + i]
            pack[AFTER + i] = t if part[i] != 0.0 else pack[AFTER + i]
    for i in range(PACK):
        pack[GOT + i], pack[GOT_FIRST + i], pack[SIGN + i] = 0.0, 0.0, 1.0
    doubt, noise = 4 * periods * periods * SETTLED, (4 * periods + 8) * ROUNDING
    for t in range(periods):
        part = flow[t * PACK : (t + 1) * PACK]
        for i in range(PACK):
            weight, size = pack[X + i], pack[PAID + i]
            own = part[i] * weight
            balance, so_far = pack[GOT + i] + own, pack[GOT_FIRST + i] + abs(own)
            to_come = size - so_far
            margin = doubt * (so_far if so_far < to_come else to_come) + noise * size
            keeps = (balance > margin) | (t < pack[BEFORE + i]) | (t >= pack[AFTER + i])
            pack[SIGN + i] = pack[SIGN + i] if keeps else 0.0
            pack[GOT + i], pack[GOT_FIRST + i], pack[X + i] = balance, so_far, weight * pack[DISCOUNT + i]
    for i in range(PACK):
        largest = pack[LARGEST + i]
        is_proven = (pack[SIGN + i] > 0.0) & (pack[CHANGES + i] > 2.0) & is_confirmed(pack, i)
        is_proven = is_proven & (largest >= LOWEST) & (largest <= HIGHEST)
        pack[SURE + i] = 1.0 if is_proven | ((pack[CHANGES + i] == 1.0) & (pack[SURE + i] > 0.0)) else 0.0


def value_at(flow, periods, pack, discounts):
    """Values at each lane's discount factor into GOT, those of absolute flows into PAID."""
    for i in range(PACK):
        pack[GOT + i], pack[PAID + i] = 0.0, 0.0
    for t in range((periods - 1) // STRIDE * STRIDE, -1, -STRIDE):
        part = flow[t * PACK : (t + STRIDE) * PACK]
        for i in range(PACK):
            discount, value, size = pack[discounts + i], pack[GOT + i], pack[PAID + i]
            for k in range(STRIDE):
                amount = part[(STRIDE - 1 - k) * PACK + i]
                value = value * discount + amount
                size = size * discount + abs(amount)
            pack[GOT + i], pack[PAID + i] = value, size


def sign_beyond(value, size):
    """Sign of a value, 0 where it does not exceed a size or neither is finite."""
    return (1.0 if value > size else 0.0) - (1.0 if value < -size else 0.0)


def take_nearer_of_two(flow, periods, pack):
    """Keep the rate of lanes with two rates where one more place tells that it is the nearer; how many still wait."""
    noise = (4 * periods + 8) * ROUNDING
    for i in range(PACK):
        pack[X + i] = 1.0
    value_at(flow, periods, pack, X)
    for i in range(PACK):
        at_zero, discount = sign_beyond(pack[GOT + i], noise * pack[PAID + i]), pack[DISCOUNT + i]
        farther = discount * (1.0 - APART if discount < 1.0 else 1.0 + APART)
        pack[AT_ZERO + i] = at_zero
        pack[X + i] = farther if at_zero == pack[LAST + i] else discount / (2.0 * discount - 1.0)
    value_at(flow, periods, pack, X)
    waiting = 0
    for i in range(PACK):
        discount, place = pack[DISCOUNT + i], pack[X + i]
        doubt = noise + 2.0 * periods * TIE * (1.0 + place)
        is_inside = sign_beyond(pack[GOT + i], doubt * pack[PAID + i]) == -pack[LAST + i]
        is_taken = is_of_two(pack, i) & is_confirmed(pack, i) & (pack[AT_ZERO + i] != 0.0) & (place > 0.0) & is_inside
        pack[RATE + i] = (1.0 - discount) / discount if is_taken else pack[RATE + i]
        pack[STATE + i] = SEVERAL_RATES if is_taken else pack[STATE + i]
        waiting += 1 if pack[STATE + i] < 0.0 else 0
    return waiting


def solve_two(flows, periods, pack, room):
    """Answer the lanes whose sign changes twice, by the one place where the value turns; how many still wait."""
    size = padded(periods) * PACK
    derived, backwards = room[:size], room[size : 2 * size]
    noise = (4 * periods + 8) * ROUNDING
    derive_pack(flows, periods, pack, derived, backwards)
    guess_rates(derived, periods, pack, PACK)
    settle(derived, periods, pack, PACK, TURN_STEPS)
    for i in range(PACK):
        pack[TURN + i] = pack[DISCOUNT + i]
        pack[SURE + i] = 1.0 if is_of_two(pack, i) & is_settled(pack, i) else 0.0
        pack[X + i] = 1.0
    value_at(flows, periods, pack, X)
    for i in range(PACK):
        pack[AT_ZERO + i] = sign_beyond(pack[GOT + i], noise * pack[PAID + i])
    value_at(flows, periods, pack, TURN)
    for i in range(PACK):
        pack[AT_TURN + i] = sign_beyond(pack[GOT + i], noise * pack[PAID + i])
        # Without a finite size nothing is known: left to the search of one lane.
        pack[SURE + i] = pack[SURE + i] if pack[PAID + i] < np.inf else 0.0
    root_beyond_zero(flows, periods, pack, 1.0)
    for i in range(PACK):
        pack[OTHER_ROOT + i] = pack[ROOT + i]
    root_beyond_zero(backwards, periods, pack, -1.0)
    waiting = 0
    for i in range(PACK):
        ends, at_zero, at_turn = pack[LAST + i], pack[AT_ZERO + i], pack[AT_TURN + i]
        above, below = expm1(pack[OTHER_ROOT + i]), expm1(-pack[ROOT + i])
        is_nearer = (abs(above) < abs(below) - TIE) | (below != below)
        is_tied = (abs(above) <= abs(below) + TIE) & (ends < 0.0)  # the value falls at the upper of the two
        rate = above if is_nearer | is_tied else below
        turn = (1.0 - pack[TURN + i]) / pack[TURN + i]
        is_touched = (at_zero == ends) & (at_turn == 0.0)
        rate = turn if is_touched else rate
        rate = 0.0 if at_zero == 0.0 else rate
        state = SEVERAL_RATES if (at_zero == -ends) | (at_turn == -ends) else NO_RATE
        state = ONE_RATE if (state == NO_RATE) & (is_touched | (at_zero == 0.0)) else state
        is_taken = pack[SURE + i] > 0.0
        pack[RATE + i] = (np.nan if state == NO_RATE else rate) if is_taken else pack[RATE + i]
        pack[STATE + i] = state if is_taken else pack[STATE + i]
        waiting += 1 if pack[STATE + i] < 0.0 else 0
    return waiting


def derive_pack(flows, periods, pack, derived, backwards):
    """The flows whose values are the derivatives of exp(k·x)·value, and the flows read backwards.

    k is amid the first change of sign, so that the derivative changes its sign once.
    """
    for i in range(PACK):
        pack[BEFORE + i], pack[AFTER + i] = 0.0, -1.0
    for t in range(periods):
        part = flows[t * PACK : (t + 1) * PACK]
        for i in range(PACK):
            turned = part[i] * pack[LAST + i]
            is_before = pack[AFTER + i] < 0.0
            pack[BEFORE + i] = t if is_before & (turned > 0.0) else pack[BEFORE + i]
            pack[AFTER + i] = t if is_before & (turned < 0.0) else pack[AFTER + i]
    for t in range(padded(periods)):
        part, weighted = flows[t * PACK : (t + 1) * PACK], derived[t * PACK : (t + 1) * PACK]
        turned = backwards[(periods - 1 - t if t < periods else t) * PACK :]
        for i in range(PACK):
            weighted[i] = ((pack[BEFORE + i] + pack[AFTER + i]) / 2.0 - t) * part[i]
            turned[i] = part[i]


def root_beyond_zero(flow, periods, pack, side):
    """The nearest roots x > 0 of flows that change their sign twice, into ROOT; not a number where there is none.

    `side` is −1 for flows read backwards, whose roots and turning points stand on the other side of zero.
    """
    noise = (4 * periods + 8) * ROUNDING
    for i in range(PACK):
        pack[FIRST + i] = 0.0
    for t in range(periods - 1, -1, -1):
        part = flow[t * PACK : (t + 1) * PACK]
        for i in range(PACK):
            amount = abs(part[i])
            pack[FIRST + i] = amount if amount > 0.0 else pack[FIRST + i]
    going = 0
    for i in range(PACK):
        ends, at_zero = pack[LAST + i], pack[AT_ZERO + i]
        turn = -side * log(pack[TURN + i])
        is_inside = at_zero == -ends
        is_near = (at_zero == ends) & (pack[AT_TURN + i] == -ends) & (turn > 0.0)
        high = log1p(pack[LARGEST + i] / pack[FIRST + i]) + 1e-9
        high = turn if is_near else high
        pack[LOW + i], pack[HIGH + i] = 0.0, high
        pack[X + i] = smaller(high / 2.0, 0.1)
        pack[ROOT + i] = np.nan
        pack[GOING + i] = 1.0 if (pack[SURE + i] > 0.0) & (is_inside | is_near) else 0.0
        going += 1 if pack[GOING + i] > 0.0 else 0
    turns = 0
    while going > 0 and turns < MOST_TURNS:
        for i in range(PACK):
            pack[DISCOUNT + i] = exp(-pack[X + i])
        value_parts(flow, periods, pack, PACK)
        going = 0
        for i in range(PACK):
            got, paid, discount, x = pack[GOT + i], pack[PAID + i], pack[DISCOUNT + i], pack[X + i]
            is_going = pack[GOING + i] > 0.0
            slope = discount * (pack[GOT_FIRST + i] / got - pack[PAID_FIRST + i] / paid)
            target = x + log(got / paid) / slope
            value = got - paid
            is_low = value * pack[AT_ZERO + i] > 0.0
            low, high = (x if is_low else pack[LOW + i]), (pack[HIGH + i] if is_low else x)
            is_root = abs(value) <= noise * (got + paid)
            is_in = (target >= low) & (target <= high)
            is_in = is_in & (is_root | (turns <= NEWTON_TURNS) | (turns % 2 == 0))
            target = target if is_in else (x if is_root else (low + high) / 2.0)
            stays = (not is_root) & (abs(target - x) > 8.0 * ROUNDING * larger(target, 1e-3))
            pack[LOW + i], pack[HIGH + i] = low, high
            pack[X + i] = target
            pack[ROOT + i] = target if is_going else pack[ROOT + i]
            pack[GOING + i] = 1.0 if is_going & stays else 0.0
            going += 1 if pack[GOING + i] > 0.0 else 0
        turns += 1


# --- rates of return: one lane, the whole line ------------------------------------------------------------------------


def search(flows, periods, room, work, lane):
    """The rate of one lane nearest to zero and how many there are, from all its roots."""
    n = periods
    own, roots, crossings = room[:n], room[n : 3 * n], room[3 * n : 5 * n]
    largest = 0.0
    for t in range(n):
        largest = max(largest, abs(flows[t * PACK + lane]))
    scale = 1.0
    while largest * scale < LOWEST:
        scale *= 1.2676506002282294e30  # two to the power 100, which changes no digit
    while largest * scale > HIGHEST:
        scale /= 1.2676506002282294e30
    for t in range(n):
        own[t] = flows[t * PACK + lane] * scale
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
