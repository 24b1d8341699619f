"""The lookup tables: each bit of each entry decides a code, and what adds two entries up."""

from collections.abc import Iterator, Sequence

import numpy as np

from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.host.driver import RunEnded
from accel.host.exchange import Transport
from accel.isa import TABLE_ENTRIES
from accel.numeric.elementwise.lookup_tables import ENTRY_BITS, FRACTION_BITS

from . import patterns
from .array_check import RAM, SHARED, answers, stopped
from .patterns import Pattern
from .sharp_constants import SharpTables, with_tables
from .steps import Finding, Step, failed, impossible, passed

NAME = "tables"
_TABLES = ("first", "second")
_MOST_CODES = 4  # whose entries are named one by one


def check_tables(config: AcceleratorConfig, transport: Transport) -> Step:
    """Every bit of every entry of both lookup tables."""
    try:
        alone, addition = patterns.tables(config)
    except UserError as problem:
        return impossible(NAME, f"the patterns cannot be compiled: {problem}")
    sharp = with_tables(addition)
    try:
        single = [answers(transport, pattern) for pattern in alone]
        both = [answers(transport, one.pattern) for one in sharp]
    except RunEnded as problem:
        return failed(NAME, stopped(f"lookup tables: {problem}"))
    findings = []
    for unit in range(config.requantizers):
        mine = np.arange(both[0][0].shape[1]) % config.requantizers == unit
        findings += _both(unit, mine, sharp, both) or _alone(unit, mine, alone, single)
    if findings:
        return failed(NAME, findings)
    units = min(config.requantizers, both[0][0].shape[1])
    return passed(
        NAME,
        f"256 entries of both lookup tables of {units} requantizer{'s' * (units > 1)}: each bit "
        "was 0 and 1 where it decides a code",
    )


_Answers = tuple[np.ndarray, np.ndarray]
"""The core's codes and the machine's, ``[positions, channels]``."""


def _both(
    unit: int, mine: np.ndarray, sharp: Sequence[SharpTables], both: Sequence[_Answers]
) -> list[Finding]:
    """What is wrong with the sums of a requantizer's tables, as much as it may be."""
    wrong = [(found != expected) & mine for found, expected in both]
    if not any(map(np.any, wrong)):
        return []
    codes = [
        np.unique(
            np.concatenate([one.operands[t][bad] for one, bad in zip(sharp, wrong, strict=True)])
        )
        for t in range(2)
    ]
    which = int(len(codes[1]) < len(codes[0]))
    if len(codes[which]) <= _MOST_CODES:
        return [_entry(_TABLES[which], unit, codes[which] - TABLE_ENTRIES // 2)]
    for said, place, outputs in _lines(sharp):
        pairs = zip(outputs, both, strict=True)
        if all((output[:, mine] == found[:, mine]).all() for output, (found, _) in pairs):
            return [
                Finding(
                    said=f"{said} of requantizer {unit}, for every code",
                    look=f"{RAM}; {SHARED}",
                    place={**place, "requantizer": unit},
                )
            ]
    share = f"{sum(map(np.sum, wrong))} of {sum(bad[:, mine].size for bad in wrong)}"
    return [
        Finding(
            said=f"lookup tables of requantizer {unit}, or what adds their entries: {share} "
            "outputs are wrong",
            look=f"{RAM}; {SHARED}",
            place={"table": "first or second", "requantizer": unit},
        )
    ]


def _lines(sharp: Sequence[SharpTables]) -> Iterator[tuple[str, dict[str, object], list]]:
    """Each wire that may hold its value: in words, as a place, and the codes that come of it."""
    for value in (0, 1):
        for bit in range(ENTRY_BITS):
            for t, name in enumerate(_TABLES):
                yield (
                    f"bit {bit} of the {name} lookup table is always {value}",
                    {"table": name, "bit": bit},
                    [_codes(one, {t: (bit, value)}) for one in sharp],
                )
        for bit in range(ENTRY_BITS + 1):
            yield (
                f"bit {bit} of the sum of both lookup tables' entries is always {value}",
                {"table": "sum", "bit": bit},
                [_codes(one, {2: (bit, value)}) for one in sharp],
            )


def _codes(one: SharpTables, held: dict[int, tuple[int, int]]) -> np.ndarray:
    """The codes of a pattern, where bits of the first entry, of the second or of the sum are
    held."""
    entries = [table[codes] for table, codes in zip(one.tables, one.operands, strict=True)]
    for t in (0, 1):
        if t in held:
            entries[t] = _held(entries[t], ENTRY_BITS, *held[t])
    total = entries[0] + entries[1]
    if 2 in held:
        total = _held(total, ENTRY_BITS + 1, *held[2])
    return np.clip(total >> FRACTION_BITS, 0, TABLE_ENTRIES - 1) - TABLE_ENTRIES // 2


def _held(values: np.ndarray, width: int, bit: int, value: int) -> np.ndarray:
    """Two's complements of a width with a bit held at a value."""
    bits = values & (1 << width) - 1
    bits = bits & ~np.int64(1 << bit) | value << bit
    return bits - ((bits >> width - 1) << width)


def _alone(
    unit: int, mine: np.ndarray, alone: Sequence[Pattern], single: Sequence[_Answers]
) -> list[Finding]:
    """What is wrong with the first table's codes, where its sums with the other one are right."""
    codes = [
        pattern.inputs["a"].reshape(found.shape)[(found != expected) & mine]
        for pattern, (found, expected) in zip(alone, single, strict=True)
    ]
    wrong = np.unique(np.concatenate(codes))
    if not len(wrong):
        return []
    if len(wrong) <= _MOST_CODES:
        return [_entry(_TABLES[0], unit, wrong)]
    return [
        Finding(
            said=f"first lookup table of requantizer {unit}, where nothing is added to it: "
            f"{len(wrong)} codes are wrong",
            look=f"{RAM}; {SHARED}",
            place={"table": _TABLES[0], "requantizer": unit},
        )
    ]


def _entry(table: str, unit: int, codes: np.ndarray) -> Finding:
    listed = ", ".join(map(str, codes))
    return Finding(
        said=f"{table} lookup table of requantizer {unit}: the entry of code {listed} is wrong",
        look=RAM,
        place={"table": table, "requantizer": unit, "codes": codes.tolist()},
    )
