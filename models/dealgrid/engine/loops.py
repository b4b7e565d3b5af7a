"""The text of the compiled kernel: one small loop over futures per handful of rows, written from their expressions."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dealgrid.engine import lanes
from dealgrid.engine.book import Book
from dealgrid.engine.ops import WORDS, Operation
from dealgrid.engine.row import OPENING, PRIOR, Row
from dealgrid.engine.trace import Call, Expression, Name, Number, calls_in, is_flag, names_in, write

TOGETHER = 12  # statements in one loop: docs/decisions/0012-kernel.md
BEFORE, DURING, AFTER = range(3)  # the periods: `once` rows of parameters, rows over periods, `once` rows of those
RESERVED = {*vars(lanes), *dir(builtins), "inf", "kernel"}  # names of the text itself
KEEPS_NAN = {
    "add",
    "subtract",
    "multiply",
    "divide",
    "negative",
    "minimum",
    "maximum",
    "absolute",
    "exp",
    "log",
    "sqrt",
}

_ANNUALISED = Operation("annualised", None, "", "", "annualised({0}, {1})", binds=0, takes=(0, 0))
_MULTIPLE = Operation("multiple", None, "", "", "multiple({0}, {1})", binds=0, takes=(0, 0))


@dataclass(frozen=True)
class Kernel:
    """A generated kernel: its text, and what stands where in the arrays it is called with.

    `single` and `columns` are numbers and numbers per period that all futures share; `inputs` and `input_columns`
    those that differ. A name may begin with `prior_`; `_pin_x` and `_is_pinned_x` are the pins of row x. `once` and
    `rows` are the rows that come out. `places` and `histories` are how many numbers per future are held.
    """

    text: str
    single: tuple[str, ...]
    columns: tuple[str, ...]
    inputs: tuple[str, ...]
    input_columns: tuple[str, ...]
    once: tuple[str, ...]
    rows: tuple[str, ...]
    places: int
    histories: int


@dataclass
class _Statement:
    """One line of the kernel: a name, the formula, what it reads, and in which of these a NaN would show again."""

    name: str
    formula: str
    reads: tuple[str, ...]
    stage: int
    passes_on: frozenset[str] = frozenset()
    may_be_nan: tuple[str, ...] | None = None  # names whose NaN excuses this one's; None where nothing does
    is_checked: bool = True
    loop: int = -1


@dataclass
class _Place:
    """Where a value stands in the block of lanes, and until which loop."""

    start: int
    until: int | None = None  # None: to the end


def varying_rows(book: Book, varying: Collection[str], pinned_apart: Collection[str]) -> frozenset[str]:
    """Rows that differ between futures when the parameters `varying` and the pins of `pinned_apart` do."""
    found = set(pinned_apart)
    looked_back = {name for row in book.rows.values() for name in row.ingredients if name.startswith(PRIOR)}
    found |= {row for row in book.rows if OPENING + row in varying and PRIOR + row in looked_back}
    while True:
        new = {
            row.name
            for row in book.rows.values()
            if any(name in varying or name.removeprefix(PRIOR) in found for name in row.ingredients)
        }
        if new <= found:
            return frozenset(found)
        found |= new


def write_kernel(
    book: Book, rows: Sequence[str], varying: Collection[str], pinned: Collection[str], pinned_apart: Collection[str]
) -> Kernel:
    """The kernel of a book that holds what `rows` need.

    `varying` are the parameters that differ between futures, `pinned` the rows with a pin, `pinned_apart` those whose
    pins differ.
    """
    return _Writer(book, rows, varying, pinned, pinned_apart).kernel()


class _Writer:
    def __init__(
        self,
        book: Book,
        rows: Sequence[str],
        varying: Collection[str],
        pinned: Collection[str],
        pinned_apart: Collection[str],
    ) -> None:
        self.book = book
        self.varying = set(varying)
        self.pinned = set(pinned)
        self.pinned_apart = set(pinned_apart)
        self.differs = varying_rows(book, varying, pinned_apart)
        self.asked = [name for name in rows if name in self.differs]
        self.statements: list[_Statement] = []
        self.started: dict[str, str] = {}  # what a value is before the first period, as written
        self.histories: list[str] = []  # flows whose rate of return is sought
        self.lasts: set[str] = set()
        self.single: dict[str, None] = {}
        self.columns: dict[str, None] = {}
        self.inputs: dict[str, None] = {}
        self.input_columns: dict[str, None] = {}
        self.places: dict[str, _Place] = {}
        self.size = 0
        self.free: list[int] = []

    # --- what is computed -----------------------------------------------------------------------------------------

    def kernel(self) -> Kernel:
        rows = [row for block in self.book.blocks for row in block.rows if row.name in self.differs]
        once_before = self._once_before(rows)
        for row in rows:
            stage = DURING if not row.is_once else BEFORE if row.name in once_before else AFTER
            self._add_row(row, stage)
        self._order()
        self._excuse()
        self._mark_checks()
        self._share_loops()
        lines = self._lines()
        return Kernel(
            text="\n".join([inspect.getsource(lanes), "", *lines, ""]),
            single=tuple(self.single),
            columns=tuple(self.columns),
            inputs=tuple(self.inputs),
            input_columns=tuple(self.input_columns),
            once=tuple(name for name in self.asked if self.book.rows[name].is_once),
            rows=tuple(name for name in self.asked if not self.book.rows[name].is_once),
            places=self.size,
            histories=len(self.histories),
        )

    def _once_before(self, rows: Iterable[Row]) -> set[str]:
        """`once` rows that need no row over periods."""
        found: set[str] = set()
        for row in rows:
            if not row.is_once:
                continue
            expression = self.book.expressions[row.name]
            if any(call.operation.name in WORDS for call in calls_in(expression)):
                continue
            if all(name in found for name in row.ingredients if name in self.differs):
                found.add(row.name)
        return found

    def _add_row(self, row: Row, stage: int) -> None:
        pin = f"_pin_{row.name}"
        if row.is_once and row.name in self.pinned:
            self.statements.append(_Statement(row.name, self._spelled(Name(pin)), (pin,), stage))
            return
        expression = self._without_words(self.book.expressions[row.name])
        formula = write(expression, "kernel", self._spelled)
        if is_flag(expression):
            formula = f"1.0 if {formula} else 0.0"
        reads, passes_on = tuple(dict.fromkeys(names_in(expression))), frozenset(_passing_on(expression))
        if row.name in self.pinned:
            is_pinned = f"_is_pinned_{row.name}"
            formula = f"{self._spelled(Name(pin))} if {is_pinned} > 0.0 else ({formula})"
            reads, passes_on = (*reads, pin, is_pinned), frozenset()
        self.statements.append(_Statement(row.name, formula, reads, stage, passes_on))
        if PRIOR + row.name in {name for other in self.book.rows.values() for name in other.ingredients}:
            opening = OPENING + row.name
            given = opening in self.book.scalars
            self.started[row.name] = opening if given else "0.0"

    def _without_words(self, expression: Expression) -> Expression:
        """The expression with each word over whole rows replaced by what is gathered for it period by period."""
        if not isinstance(expression, Call):
            return expression
        if expression.operation.name not in WORDS:
            return Call(expression.operation, tuple(self._without_words(each) for each in expression.operands))
        word = expression.operation.name
        whole = [each.name for each in expression.operands if isinstance(each, Name)]
        if word == "irr":
            self._keep_history(whole[0])
            return Call(_ANNUALISED, (Name(f"_rate_{whole[0]}"), self._without_words(expression.operands[1])))
        if word == "irr_state":
            self._keep_history(whole[0])
            return Name(f"_state_{whole[0]}")
        if word == "moic":
            return Call(_MULTIPLE, tuple(Name(self._gathered("total", [name])) for name in whole))
        return Name(self._gathered(word, whole))

    def _keep_history(self, name: str) -> None:
        if name not in self.histories:
            self.histories.append(name)

    def _gathered(self, word: str, whole: list[str]) -> str:
        """The name of a running value, kept from period to period, that ends as what the word says."""
        name = f"_{word}_{'_of_'.join(whole)}"
        if name in self.started or name in self.lasts:
            return name
        row, *other = (self._spelled(Name(each)) for each in whole)
        if word == "last":
            self.lasts.add(name)
            self._gather(name, row, whole, whole)
            return name
        self.started[name] = "inf" if other and word != "npv" else "0.0"
        so_far, noted = f"prior_{name}", f"_noted{name}"
        if word == "total":
            self._gather(name, f"{so_far} + {row}", [so_far, *whole], whole)
        elif word == "largest":
            self._gather(name, f"larger({so_far}, abs({row}))", [so_far, *whole], whole)
        elif word == "npv":
            self._gather(name, f"{so_far} + {row} * {other[0]}", [so_far, *whole], whole)
        elif word == "when":
            is_first = f"({row} > 0.0) & (prior_{noted} < 1.0)"
            self.started[noted] = "0.0"
            self._gather(name, f"{other[0]} if {is_first} else {so_far}", [so_far, f"prior_{noted}", *whole], [])
            self._gather(noted, f"1.0 if {row} > 0.0 else prior_{noted}", [f"prior_{noted}", whole[0]], [])
        elif word == "payback":
            is_first = f"prior_{noted} < 1.0"
            self.started[noted] = "0.0"
            formula = f"inf if {row} < 0.0 else ({other[0]} if {is_first} else {so_far})"
            self._gather(name, formula, [so_far, f"prior_{noted}", *whole], [])
            self._gather(noted, f"0.0 if {row} < 0.0 else 1.0", [whole[0]], [])
        else:
            raise NotImplementedError(f"the kernel does not know the word {word}")
        return name

    def _gather(self, name: str, formula: str, reads: Sequence[str], passes_on: Iterable[str]) -> None:
        statement = _Statement(name, formula, tuple(reads), DURING, frozenset(passes_on), is_checked=False)
        self.statements.append(statement)

    def _order(self) -> None:
        """Stage by stage; what is gathered comes right after the last row it is gathered from."""
        ordered: list[_Statement] = []
        rows = {each.name for each in self.statements}
        waiting = list(self.statements)
        for stage in (BEFORE, DURING, AFTER):
            done = {each.name for each in ordered}
            own = [each for each in waiting if each.stage == stage]
            gathered = [each for each in own if each.name.startswith("_")]
            for statement in (each for each in own if not each.name.startswith("_")):
                ordered.append(statement)
                done.add(statement.name)
                ready = [each for each in gathered if {name for name in each.reads if name in rows} <= done]
                ordered += ready
                done |= {each.name for each in ready}
                gathered = [each for each in gathered if each not in ready]
            ordered += gathered
        self.statements = ordered

    # --- what is not a number -------------------------------------------------------------------------------------

    def _excuse(self) -> None:
        """Rates of return may be missing, and so may what is made of them."""
        excused = {f"_rate_{name}" for name in self.histories}
        for statement in (each for each in self.statements if each.stage == AFTER):
            by = tuple(name for name in statement.reads if name in excused)
            if by:
                statement.may_be_nan = by
                excused.add(statement.name)

    def _mark_checks(self) -> None:
        """Check a value only if its NaN would not show in another that is checked, in the same period."""
        shown: set[str] = set(self.histories)  # a flow that is not finite is found by its rate of return
        for statement in reversed(self.statements):
            statement.is_checked = statement.name not in shown
            if statement.may_be_nan is None:
                shown |= statement.passes_on

    # --- where it stands ------------------------------------------------------------------------------------------

    def _share_loops(self) -> None:
        loop, count, stage = -1, TOGETHER, None
        for statement in self.statements:
            if count >= TOGETHER or statement.stage != stage:
                loop, count, stage = loop + 1, 0, statement.stage
            statement.loop = loop
            count += 1
        self._find_places()

    def _find_places(self) -> None:
        made = {each.name: each for each in self.statements}
        last_use: dict[str, int] = {}
        for statement in self.statements:
            for name in statement.reads:
                last_use[name] = max(last_use.get(name, -1), statement.loop)
        lasting = {*self.asked, *self.histories, *self.started}
        for statement in self.statements:
            across = {made[name].stage for name in statement.reads if name in made} - {statement.stage}
            lasting |= {name for name in statement.reads if name in made and made[name].stage in across}
        self._lasting("_unfit")
        for name in self._outside():
            self._lasting(name)
        for statement in self.statements:
            if statement.name in lasting:
                self._lasting(statement.name)
        for history in self.histories:
            self._lasting(f"_rate_{history}")
            self._lasting(f"_state_{history}")
        loop = -1
        for statement in self.statements:
            if statement.loop != loop:
                loop = statement.loop
                self._release(loop)
            for name in (statement.name, PRIOR + statement.name):
                if name not in self.places and last_use.get(name, -1) > loop:
                    self._passing(name, last_use[name])

    def _outside(self) -> Iterator[str]:
        """What the statements read that differs and is no statement's; what all share is noted on the way."""
        made = {each.name for each in self.statements}
        reads = [name for each in self.statements for name in each.reads]
        reads += [start for start in self.started.values() if start not in ("0.0", "inf")]
        reads += [name for name in self.histories if name not in self.differs]
        for name in dict.fromkeys(reads):
            plain = name.removeprefix(PRIOR)
            if plain in made or name.startswith(("_rate_", "_state_")):
                continue
            is_apart = name in self.varying or (name.startswith("_pin_") and name[5:] in self.pinned_apart)
            if self._is_over_periods(name):
                (self.input_columns if is_apart else self.columns)[name] = None
            else:
                (self.inputs if is_apart else self.single)[name] = None
            if is_apart:
                yield name

    def _is_over_periods(self, name: str) -> bool:
        if name.startswith("_"):
            row = name.removeprefix("_is_pinned_").removeprefix("_pin_")
            return not self.book.rows[row].is_once
        if name.startswith(PRIOR) or name in self.book.columns:
            return True
        return name in self.book.rows and not self.book.rows[name].is_once

    def _lasting(self, name: str) -> None:
        if name not in self.places:
            self.places[name] = _Place(self.size * lanes.LANES)
            self.size += 1

    def _passing(self, name: str, until: int) -> None:
        if self.free:
            self.places[name] = _Place(self.free.pop(), until)
        else:
            self.places[name] = _Place(self.size * lanes.LANES, until)
            self.size += 1

    def _release(self, loop: int) -> None:
        for place in self.places.values():
            if place.until is not None and place.until < loop:
                self.free.append(place.start)
                place.until = None  # its place is another's now; nobody reads it any more

    # --- the text -------------------------------------------------------------------------------------------------

    def _spelled(self, atom: Name | Number) -> str:
        if isinstance(atom, Number):
            return repr(atom.value)
        return f"_{atom.name}" if atom.name in RESERVED else atom.name

    def _at(self, name: str) -> str:
        return f"_b[{self.places[name].start} + _i]"

    def _lanes_of(self, name: str) -> str:
        start = self.places[name].start
        return f"_b[{start} : {start + lanes.LANES}]"

    def _lines(self) -> list[str]:
        by_stage: dict[int, list[str]] = {stage: list(self._loops(stage)) for stage in (BEFORE, DURING, AFTER)}
        lines = [
            "def kernel(",
            "    _periods, _blocks, _start, _one, _per, _ins, _cols, _once, _rows, _unfit, _b, _h, _work, _room",
            "):",
            '    """Blocks of futures: `_one` and `_per` are what all share, `_ins` and `_cols` what differs."""',
            *(f"    {self._spelled(Name(name))} = _one[{k}]" for k, name in enumerate(self.single)),
            *(["    _length = padded(_periods)"] if self.histories else []),
            "    for _block in range(_blocks):",
            "        _from = _block * LANES",
            "        _to = _start + _from",
            *_over_lanes(2, [f"{self._at('_unfit')} = 0.0"]),
        ]
        for k, name in enumerate(self.inputs):
            lines += [f"        copy(_ins[{k}, _from : _from + LANES], {self._lanes_of(name)})"]
        starts = []
        for name, start in self.started.items():
            value = (
                self._at(start)
                if start in self.places
                else start
                if start in ("0.0", "inf")
                else self._spelled(Name(start))
            )
            starts.append(f"{self._at(name)} = {value}")
        lines += _over_lanes(2, starts)
        lines += by_stage[BEFORE]
        if any(each.stage == DURING for each in self.statements) or self.histories:
            lines += ["        for _t in range(_periods):"]
            lines += [f"            {self._spelled(Name(name))} = _per[{k}, _t]" for k, name in enumerate(self.columns)]
            for k, name in enumerate(self.input_columns):
                lines += [f"            copy(_cols[{k}, _t, _from : _from + LANES], {self._lanes_of(name)})"]
            lines += by_stage[DURING]
            for k, name in enumerate(self.histories):
                own = f"_h[({k} * _length + _t) * LANES : ({k} * _length + _t + 1) * LANES]"
                is_apart = name in self.places
                lines += [
                    f"            copy({self._lanes_of(name)}, {own})"
                    if is_apart
                    else f"            {own} = {self._spelled(Name(name))}"
                ]
            rows = [name for name in self.asked if not self.book.rows[name].is_once]
            for k, name in enumerate(rows):
                lines += [f"            copy({self._lanes_of(name)}, _rows[{k}, _t, _to : _to + LANES])"]
        for k, name in enumerate(self.histories):
            lines += [
                f"        solve_rates(_h[{k} * _length * LANES : {k + 1} * _length * LANES], _periods, _work, _room)"
            ]
            lines += [
                f"        copy(_work[{what} : {what} + LANES], {self._lanes_of(own)})"
                for what, own in (("RATE", f"_rate_{name}"), ("STATE", f"_state_{name}"))
            ]
            lines += _over_lanes(2, [f"{self._at('_unfit')} += _work[UNFIT + _i]"])
        lines += by_stage[AFTER]
        once = [name for name in self.asked if self.book.rows[name].is_once]
        for k, name in enumerate(once):
            lines += [f"        copy({self._lanes_of(name)}, _once[{k}, _to : _to + LANES])"]
        lines += ["        _any = 0"]
        lines += _over_lanes(2, [f"_any += 1 if {self._at('_unfit')} > 0.0 else 0"])
        lines += ["        _unfit[_to // LANES] = _any"]
        return lines

    def _loops(self, stage: int) -> Iterator[str]:
        own = [each for each in self.statements if each.stage == stage]
        for loop in dict.fromkeys(each.loop for each in own):
            yield from _over_lanes(3 if stage == DURING else 2, self._body([each for each in own if each.loop == loop]))

    def _body(self, statements: list[_Statement]) -> list[str]:
        lines: list[str] = []
        here: set[str] = set()
        made_here = {each.name for each in statements}
        later = self.places

        def load(name: str) -> None:
            if name in here:
                return
            here.add(name)
            place = name
            if name.startswith(PRIOR):
                own = name.removeprefix(PRIOR)
                maker = next((each for each in self.statements if each.name == own), None)
                if maker is None:
                    if name not in self.places:
                        return
                elif maker.loop >= statements[0].loop:
                    place = own
            if place in later:
                lines.append(f"{self._spelled(Name(name))} = {self._at(place)}")

        if any(each.is_checked for each in statements):
            lines.append(f"_is_unfit = {self._at('_unfit')}")
        for statement in statements:
            for name in statement.reads:
                if name not in made_here or name in here:
                    load(name)
            name, spelled = statement.name, self._spelled(Name(statement.name))
            before = PRIOR + name
            if name in self.started and (before in self.places or any(before in each.reads for each in statements)):
                load(before)
            if before in self.places:
                lines.append(f"{self._at(before)} = {self._spelled(Name(before))}")
            lines.append(f"{spelled} = {statement.formula}")
            here.add(name)
            if name in self.places:
                lines.append(f"{self._at(name)} = {spelled}")
            if statement.is_checked:
                lines.append(f"_is_unfit = 1.0 if {self._unfit(statement, spelled)} else _is_unfit")
        if any(each.is_checked for each in statements):
            lines.append(f"{self._at('_unfit')} = _is_unfit")
        return lines

    def _unfit(self, statement: _Statement, spelled: str) -> str:
        if statement.may_be_nan is None:
            return f"{spelled} != {spelled}"
        excuses = (self._spelled(Name(name)) for name in statement.may_be_nan)
        return " & ".join([f"({spelled} != {spelled})", *(f"({name} == {name})" for name in excuses)])


def _over_lanes(depth: int, body: Sequence[str]) -> list[str]:
    """A loop over the futures of a block, or nothing for an empty body."""
    margin = "    " * depth
    return [f"{margin}for _i in range(LANES):", *(f"{margin}    {line}" for line in body)] if body else []


def _passing_on(expression: Expression) -> Iterator[str]:
    """Names whose NaN makes the whole expression NaN."""
    if isinstance(expression, Name):
        yield expression.name
    elif isinstance(expression, Call) and expression.operation.name in KEEPS_NAN:
        for operand in expression.operands:
            yield from _passing_on(operand)
