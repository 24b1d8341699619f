"""Parts of a design that are mostly idle: groups of statements that are evaluated together or not
at all.

What a design computes depends on its state and its inputs alone: a part need not be evaluated if
nothing that it reads has changed since it was evaluated last. Parts are evaluated one after
another, so what depends on a part by way of others is a part of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .netlist import Cell
from .order import ordered
from .words import Value

MOST = 64  # parts: a bit each in a word
LEAST = 16  # statements: less are evaluated sooner than it is known whether they must be

# One bit of such a cell often stays as it is where an input changes.
_DECIDES = ("$and", "$logic_and")


@dataclass(eq=False)
class Statement:
    """Drives ``value``, or writes to a memory, or drives an output of the design.

    It comes after the statements of ``after``; ``readers`` are those that read a register's old
    value.
    """

    cell: Cell
    value: Value | None = None
    memory: Value | None = None
    reads: Sequence[Value] = ()
    after: list["Statement"] = field(default_factory=list)
    readers: list["Statement"] = field(default_factory=list)
    names: dict[Value, str] = field(default_factory=dict)  # that values go by here

    @property
    def driven(self) -> Value:
        """The value of a statement that drives one."""
        assert self.value is not None, self.cell
        return self.value

    @property
    def keeps(self) -> bool:
        """Whether it writes a register."""
        return self.value is not None and self.value.state


@dataclass(eq=False)
class NetlistPart:
    """Statements in their order; those of a part without ``number`` are evaluated in each cycle."""

    statements: Sequence[Statement]
    number: int | None = None

    @property
    def bit(self) -> int:
        return 0 if self.number is None else 1 << self.number


@dataclass(frozen=True)
class Rest:
    """What of a design is mostly idle: groups of modules, and the registers in them that never are.

    Names are as in `netlist.Cell`. They decide how fast a simulation is, never what it answers.
    """

    modules: Sequence[Sequence[str]] = ()
    restless: Sequence[str] = ()


def parts_of(statements: Sequence[Statement], rest: Rest) -> list[NetlistPart]:
    """All statements in parts, in an order in which they can be evaluated."""
    order = ordered(statements, lambda s: s.after, lambda s: ())
    groups = _groups(order, rest)
    keys = _levels(order, groups)
    sizes = Counter(key for key in keys.values() if key)
    kept = {key for key, count in sizes.most_common(MOST) if count >= LEAST}
    groups = {s: group if keys[s] in kept else None for s, group in groups.items()}
    keys = _levels(order, groups)
    members: dict[Hashable, list[Statement]] = defaultdict(list)
    for statement in statements:
        members[keys[statement] or statement].append(statement)
    parts = {key: NetlistPart(inside) for key, inside in members.items()}
    numbered = [part for key, part in parts.items() if not isinstance(key, Statement)]
    for number, part in enumerate(numbered[:MOST]):
        part.number = number
    return _in_order([*parts.values()])


def _in_order(parts: Sequence[NetlistPart]) -> list[NetlistPart]:
    """Parts, and the statements in each, after what they read and if possible after what reads the
    registers that they overwrite."""
    of = {statement: part for part in parts for statement in part.statements}

    def others(part: NetlistPart, relation: str) -> list[NetlistPart]:
        found = dict.fromkeys(of[o] for s in part.statements for o in getattr(s, relation))
        return [other for other in found if other is not part]

    after = {part: others(part, "after") for part in parts}
    rather = {part: others(part, "readers") for part in parts}
    for part in parts:
        part.statements = ordered(
            part.statements,
            lambda s: [other for other in s.after if of[other] is of[s]],
            lambda s: [other for other in s.readers if of[other] is of[s]],
        )
    return ordered(parts, after.__getitem__, rather.__getitem__)


def _groups(order: Sequence[Statement], rest: Rest) -> dict[Statement, Hashable]:
    """The group of each statement, or ``None`` if it is evaluated in each cycle."""
    groups = {statement: _group(statement.cell, rest) for statement in order}
    users = defaultdict(list)
    for statement in order:
        for other in statement.after:
            users[other].append(statement)
    restless = {s.value for s in order if s.keeps and s.cell.names & {*rest.restless}}
    awake = {s for s in order if s.value in restless}
    for statement in order:
        if restless.intersection(statement.reads):
            awake.add(statement)
            if statement.value and not statement.keeps:
                decides = statement.cell.type in _DECIDES and statement.value.width == 1
                restless |= set() if decides else {statement.value}
    for statement in reversed(order):
        theirs = {groups[user] for user in users[statement]}
        if statement in awake:
            groups[statement] = None
        elif theirs and statement.value and not statement.keeps:
            alone = len(theirs) == 1 and not statement.cell.module
            groups[statement] = theirs.pop() if alone or theirs == {None} else groups[statement]
    return groups


def _group(cell: Cell, rest: Rest) -> Hashable:
    for index, modules in enumerate(rest.modules):
        if any(f"{cell.module}.".startswith(f"{module}.") for module in modules):
            return index + 1
    return None


def _levels(
    order: Iterable[Statement], groups: Mapping[Statement, Hashable]
) -> Mapping[Statement, Hashable]:
    """The part of each statement, if any: its group, and how often the path to it has left a
    group."""
    levels: dict[Statement, int] = {}
    for statement in order:
        group = groups[statement]
        reached = [
            levels[other] + (group is not None and groups[other] != group)
            for other in statement.after
        ]
        levels[statement] = max([-1 if group is None else 0, *reached])
    return {s: (groups[s], level) if groups[s] else None for s, level in levels.items()}
