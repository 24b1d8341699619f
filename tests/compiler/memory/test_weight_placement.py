"""However a program is divided between memory and flash, all of it is there when it is wanted."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.memory.layer_parts import Live, Need
from accel.compiler.memory.placement_search import decide
from accel.compiler.memory.weight_placement import estimate_layers
from accel.config import AcceleratorConfig

BANK_WORDS = 256
CONFIG = AcceleratorConfig(bank_words=BANK_WORDS, flash_lanes=4)
HEAD = 9


@st.composite
def needs(draw):
    """Layers that write one bank, then the other, of a program that is larger than memory."""
    found = []
    for index in range(draw(st.integers(2, 8))):
        words, groups = draw(st.integers(1, 60)), draw(st.integers(1, 12))
        work = draw(st.sampled_from((10, 100, 1000, 10_000)))
        found.append(Need(HEAD, words, groups, work, index % 2))
    return found


def tensors(needs, sizes):
    """Each layer reads what the one before has written, from the begin of a bank on."""
    return [
        Live((index + 1) % 2, 0, size, index - 1, index + 0.999)
        for index, size in zip(range(len(needs) + 1), sizes, strict=False)
    ]


def walk(needs, parts, live):
    """An inference, twice: each word of memory knows whose it is."""
    owner, time = {}, [(p.layer, p.first) for p in parts]
    for part in parts:
        if part.place and not part.prefetched:
            bank, address = part.place
            for word in range(needs[part.layer].words(part.groups)):
                assert address + word < BANK_WORDS
                assert (bank, address + word) not in owner
                owner[bank, address + word] = (part.layer, part.first, word)
    for _ in range(2):
        for part in parts:
            held = {
                (tensor.bank, word)
                for tensor in live
                if tensor.born <= part.layer <= tensor.dies
                for word in range(tensor.start, tensor.end)
            }
            owner |= dict.fromkeys(held, "tensor")
            if part.prefetch:
                key = part.prefetch.layer, part.prefetch.first
                assert time.index(key) > time.index((part.layer, part.first))
                bank, address = parts[time.index(key)].place
                for word in range(part.prefetch.begin, part.prefetch.begin + part.prefetch.words):
                    assert address + word < BANK_WORDS
                    assert (bank, address + word) not in held
                    owner[bank, address + word] = (*key, word)
            if part.place:
                bank, address = part.place
                for word in range(needs[part.layer].words(part.groups)):
                    assert owner[bank, address + word] == (part.layer, part.first, word)


@settings(max_examples=150)
@given(needs(), st.lists(st.integers(0, 200), min_size=9, max_size=9))
def test_a_chunk_is_in_memory_when_its_part_runs_and_no_tensor_is_overwritten(needs, sizes):
    live = tensors(needs, sizes)
    parts, taken = decide(needs, live, CONFIG)
    assert taken[: len(live)] == live
    assert [(p.layer, p.first) for p in parts] == sorted((p.layer, p.first) for p in parts)
    for layer, need in enumerate(needs):
        groups = [range(p.first, p.first + p.groups) for p in parts if p.layer == layer]
        assert [group for some in groups for group in some] == list(range(need.groups))
    walk(needs, parts, live)


def kept(parts):
    return {part.layer: part for part in parts}


def test_memory_is_used_to_the_last_group():
    """A layer that is larger than both banks: what is in flash is what has no room."""
    parts, _ = decide([Need(HEAD, 20, 100, 10, 0)], [], CONFIG)
    groups = [part.groups for part in parts if part.place]
    assert groups == [(BANK_WORDS - HEAD) // 20] * 2
    assert sum(part.groups for part in parts) == 100


def test_what_the_work_hides_gives_way_to_what_it_does_not():
    """Two layers of the same size, and room for one."""
    slow, quick = Need(HEAD, 50, 5, 1000, 0), Need(HEAD, 50, 5, 10, 1)
    live = [Live(0, 0, BANK_WORDS, -1, 3)]
    parts, _ = decide([slow, quick], live, CONFIG)
    assert [(p.layer, p.place is not None) for p in parts] == [(0, False), (1, True), (1, False)]


def test_what_comes_later_is_copied_where_a_tensor_was():
    """The first layer works for long, but reads from where the last one could be: the second one
    leaves the time and the room, in the bank that it writes."""
    needs = [Need(HEAD, 40, 1, 9000, 1), Need(HEAD, 40, 1, 9000, 0), Need(HEAD, 40, 5, 10, 1)]
    live = [Live(0, 0, 200, -1, 0.999), Live(1, 0, 200, -1, 3)]
    parts, _ = decide(needs, live, CONFIG)
    (host,) = [part for part in parts if part.prefetch]
    (prefetched,) = [part for part in parts if part.prefetched]
    assert (host.layer, prefetched.layer, prefetched.place) == (1, 2, (0, 0))


@pytest.mark.parametrize("groups", [0, 1, 3])
def test_streaming_loses_what_the_work_does_not_hide(groups):
    need = Need(HEAD, 40, 10, 100, 0)
    stream, first = (HEAD + 40 * groups) * 8, (HEAD + 40) * 8
    expected = max(stream - 100 * groups, first) + 140 if groups else 0
    assert need.loss(groups, 8) == expected


def drawn(seed):
    """Layers and tensors of a program that is larger than memory, always the same ones."""
    rng = random.Random(seed)
    needs = [
        Need(
            HEAD,
            rng.randint(1, 60),
            rng.randint(1, 12),
            rng.choice((10, 100, 400, 1000, 3000)),
            i % 2,
        )
        for i in range(rng.randint(2, 8))
    ]
    return needs, tensors(needs, [rng.randint(0, 200) for _ in range(9)])


def test_decisions_are_what_they_were(golden):
    """A better one is welcome, and seen here."""
    lines = []
    for seed in range(60):
        needs, live = drawn(seed)
        parts, _ = decide(needs, live, CONFIG)
        cycles = sum(estimate_layers(parts, needs, CONFIG))
        lines.append(f"program {seed}: about {cycles:,.0f} cycles")
        for part in parts:
            place = f"{part.place[0]}:{part.place[1]}" if part.place else "flash"
            line = f"  {part.layer}.{part.first}+{part.groups} {place}"
            line += " copied" if part.prefetched else ""
            if part.prefetch:
                prefetch = part.prefetch
                line += (
                    f", copies {prefetch.layer}.{prefetch.first} {prefetch.begin}+{prefetch.words}"
                )
            lines.append(line)
    golden("placements.txt", "\n".join(lines) + "\n")
