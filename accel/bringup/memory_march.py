"""The memories of a core by a march test over the link, and what its faults have in common.

March C- (van de Goor, "Testing Semiconductor Memories"): up(w0); up(r0, w1); up(r1, w0);
down(r0, w1); down(r1, w0); up(r0). Here 0 stands for a pattern that is another one in each word,
and 1 for its inverse, so that words that share a place are found though a frame has many words:
what is read and written in one step is a frame. It finds bits that are stuck or do not change,
wrong addresses, and words that disturb others in another frame.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from accel.config import BANKS
from accel.host.driver import Driver
from accel.protocol import PAYLOAD_BYTES

from .steps import Finding, Step, failed, passed

NAME = "memory"
_MARCH = (  # upwards, what is read, what is written
    (True, None, 0),
    (True, 0, 1),
    (True, 1, 0),
    (False, 0, 1),
    (False, 1, 0),
    (True, 0, None),
)
PASSES = sum((read is not None) + (write is not None) for _, read, write in _MARCH)
_MOST_WORDS = 4  # that are named one by one
_CHIP = "the chip: this block RAM is damaged; another seed of `accel build` places it elsewhere"
_TIMING = (
    "timing and supply: whether the bitstream meets its clock (`accel build` says it), the board's "
    "clock, and the voltage of the core"
)


@dataclass(frozen=True)
class Mismatches:
    """Words of a bank that were read otherwise: addresses ``[n]``, bytes ``[n, rows]``."""

    addresses: np.ndarray
    expected: np.ndarray
    found: np.ndarray


def check_memory(driver: Driver, progress: Callable[[int], None] = lambda words: None) -> Step:
    """March through both banks, whose content is lost. ``progress`` gets words that are done.

    Raises ``LinkError``.
    """
    config = driver.config
    findings: list[Finding] = []
    for bank in range(BANKS):
        pattern = np.random.default_rng(bank).integers(
            0, 256, (config.bank_words, config.rows), np.uint8
        )
        start = bank * PASSES * config.bank_words

        def advance(words: int, start: int = start) -> None:
            progress(start + words)

        wrong = _march(driver, bank, pattern, advance)
        if wrong is not None:
            findings += explained(bank, pattern, wrong)
    if findings:
        return failed(NAME, findings)
    bits = BANKS * config.bank_words * config.word_bits
    return passed(
        NAME,
        f"March C- over {BANKS} banks of {config.bank_words:,} words, {bits:,} bits: every bit was "
        f"0 and 1, every address its own",
    )


def _march(
    driver: Driver, bank: int, pattern: np.ndarray, progress: Callable[[int], None]
) -> Mismatches | None:
    words, rows = pattern.shape
    most, done = PAYLOAD_BYTES // rows, 0
    states = (pattern, ~pattern)
    wrong: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for upwards, read, write in _MARCH:
        starts = range(0, words, most)
        for start in starts if upwards else reversed(starts):
            end = min(start + most, words)
            if read is not None:
                data = driver.read(bank, start, end - start)
                found = np.frombuffer(data, np.uint8).reshape(-1, rows)
                expected = states[read][start:end]
                bad = np.flatnonzero((found != expected).any(axis=1))
                if bad.size:
                    wrong.append((start + bad, expected[bad], found[bad]))
                done += end - start
            if write is not None:
                driver.write(bank, start, states[write][start:end].tobytes())
                done += end - start
            progress(done)
    if not wrong:
        return None
    return Mismatches(*(np.concatenate(parts) for parts in zip(*wrong, strict=True)))


def explained(bank: int, pattern: np.ndarray, wrong: Mismatches) -> list[Finding]:
    """What the words that were read otherwise have in common."""
    shared = _address_bits(pattern, wrong)
    if shared:
        return [
            Finding(
                said=f"bank {bank}: address bit {bit} has no effect: word {one:#x} and word "
                f"{one ^ 1 << bit:#x} are one",
                look=_CHIP,
                place={"bank": bank, "address_bit": bit},
            )
            for bit, one in shared
        ]
    return list(_bits(bank, len(pattern), wrong))


def _address_bits(pattern: np.ndarray, wrong: Mismatches) -> list[tuple[int, int]]:
    """Bits of the address that have no effect, with an address where that was seen: most wrong
    words hold what was written to the word whose address differs in that bit alone."""
    words = len(pattern)
    found = []
    for bit in range((words - 1).bit_length()):
        others = wrong.addresses ^ 1 << bit
        inside = others < words
        theirs = pattern[np.where(inside, others, 0)]
        same = (theirs == wrong.found).all(axis=1) | (~theirs == wrong.found).all(axis=1)
        if inside.any() and (same & inside).sum() > len(same) // 2:
            found.append((bit, int(wrong.addresses[np.flatnonzero(same & inside)[0]])))
    return found


def _bits(bank: int, words: int, wrong: Mismatches) -> Iterator[Finding]:
    """Bits of the word that are wrong, each with where and how."""
    differing = np.unpackbits(wrong.expected ^ wrong.found, axis=1, bitorder="little")
    found = np.unpackbits(wrong.found, axis=1, bitorder="little")
    lanes = differing.any(axis=0)
    if lanes.sum() > 8 and len(np.unique(wrong.addresses)) > words // 2:
        bad = sorted({int(bit) // 8 for bit in np.flatnonzero(lanes)})
        yield Finding(
            said=f"bank {bank}: {len(np.unique(wrong.addresses)):,} of {words:,} words are wrong, "
            f"in byte lanes {', '.join(map(str, bad))}",
            look=_TIMING,
            place={"bank": bank, "byte_lanes": bad},
        )
        return
    for bit in np.flatnonzero(lanes):
        rows = np.flatnonzero(differing[:, bit])
        addresses = np.unique(wrong.addresses[rows])
        values = np.unique(found[rows, bit])
        how = f"is stuck at {values[0]}" if len(values) == 1 else "changes by itself"
        place: dict[str, object] = {"bank": bank, "byte_lane": int(bit) // 8, "bit": int(bit)}
        where = f"bank {bank}: bit {bit} of the word (byte lane {bit // 8}, bit {bit % 8})"
        if len(addresses) <= _MOST_WORDS:
            at = ", ".join(f"{address:#x}" for address in addresses)
            place["addresses"] = [int(address) for address in addresses]
            yield Finding(said=f"{where} {how} at address {at}", look=_CHIP, place=place)
        else:
            share = "every address" if len(addresses) == words else f"{len(addresses):,} addresses"
            least, last = addresses[0], addresses[-1]
            said = f"{where} {how} at {share}, {least:#x} to {last:#x}"
            yield Finding(said=said, look=f"{_CHIP}; {_TIMING}", place=place)
