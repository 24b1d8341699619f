"""Nothing that is still wanted is overwritten, and what does not fit is said with its numbers."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.diagnostics import DoesNotFit
from accel.compiler.ir.descriptor import Descriptor
from accel.compiler.ir.tensor_layout import TensorLayout
from accel.compiler.memory.allocation import plan
from accel.config import AcceleratorConfig

CONFIG = AcceleratorConfig(rows=4, columns=4, bank_words=256)
WORDS = st.integers(1, 60)
FULL = [230, 200, 1, 1]  # words of chunks that leave no room for the next sample's input


def command(source, output, residual=None):
    """A command of a tile that says nothing of what it reads."""
    return SimpleNamespace(
        source=source,
        output=output,
        residual=residual,
        addend=None,
        band=None,
        home=None,
        computed=None,
        descriptor=Descriptor(inner_taps=4),
        groups=1,
        steps=16,
    )


def chain(words, chunks, parts=()):
    """Commands t0 -> t1 -> ..., tensors of some ``words``; layers in ``parts`` are two commands."""
    layout = {f"t{i}": TensorLayout(1, n, 4) for i, n in enumerate(words)}
    commands = []
    for i in range(len(words) - 1):
        commands += [command(f"t{i}", f"t{i + 1}")] * (2 if i in parts else 1)
    return commands, layout, ("t0",), (f"t{len(words) - 1}",), chunks[: len(commands)], CONFIG


def words_of(plan, tensor):
    place = plan.tensors[tensor]
    return place.bank, set(range(place.address, place.address + place.layout.words(CONFIG.rows)))


@given(
    st.lists(WORDS, min_size=2, max_size=9),
    st.lists(st.integers(1, 30), min_size=16, max_size=16),
    st.sets(st.integers(0, 7)),
    st.sets(st.integers(1, 8)),
)
def test_every_tensor_lives_until_its_last_reader(words, chunks, parts, kept):
    commands, layout, inputs, outputs, chunks, config = chain(words, chunks, parts)
    outputs += tuple(name for name in (f"t{i}" for i in sorted(kept)) if name in layout)
    try:
        made = plan(commands, layout, inputs, outputs, chunks, config)
    except DoesNotFit:
        return
    assert_kept(made, commands, inputs, outputs, chunks)


def assert_kept(made, commands, inputs, outputs, chunks):
    """Walk through the layers; each word remembers who wrote it last."""
    owner = {}
    for tensor in inputs:
        bank, addresses = words_of(made, tensor)
        assert not owner.keys() & {(bank, word) for word in addresses}
        owner |= {(bank, word): tensor for word in addresses}
    for index, ((bank, address), size) in enumerate(zip(made.chunks, chunks, strict=True)):
        for word in range(address, address + size):
            assert (bank, word) not in owner
            assert word < CONFIG.bank_words
            owner[bank, word] = index
    written = set()
    for layer in commands:
        bank, addresses = words_of(made, layer.source)
        assert {owner[bank, word] for word in addresses} == {layer.source}
        other, addresses = words_of(made, layer.output)
        assert other == 1 - bank
        before = layer.output if layer.output in written else layer.residual
        if before is not None:
            assert words_of(made, before) == (other, addresses)
            assert {owner[other, word] for word in addresses} == {before}
        for word in addresses:
            assert not isinstance(owner.get((other, word)), int), "over a chunk"
            owner[other, word] = layer.output
        written.add(layer.output)
    for tensor in outputs:
        bank, addresses = words_of(made, tensor)
        assert {owner[bank, word] for word in addresses} == {tensor}


@st.composite
def branching(draw):
    """Layers that read any tensor of the one bank and write to the other, some of them in the place
    of a tensor that nobody reads any more, some in several parts."""
    inputs = [f"t{i}" for i in range(draw(st.integers(1, 3)))]
    words = {name: draw(st.integers(1, 12)) for name in inputs}
    banks = {name: draw(st.integers(0, 1)) for name in inputs}
    alive, commands = set(inputs), []
    for index in range(len(inputs), len(inputs) + draw(st.integers(1, 14))):
        output, source = f"t{index}", draw(st.sampled_from(sorted(alive)))
        banks[output] = 1 - banks[source]
        operands = sorted(name for name in alive if banks[name] == banks[output])
        residual = draw(st.sampled_from([None, *operands]))
        words[output] = words[residual] if residual else draw(st.integers(1, 12))
        commands.append(command(source, output, residual))
        part = command(source, output, draw(st.sampled_from((None, output))))
        commands += [part] * draw(st.sampled_from((0, 0, 1, 2)))
        alive = alive - {residual} | {output}
        if len(alive) > 2:
            gone = draw(st.sets(st.sampled_from(sorted(alive - {output})), max_size=2))
            alive -= gone
    layout = {name: TensorLayout(1, count, 4) for name, count in words.items()}
    return commands, layout, tuple(inputs), tuple(sorted(alive))


@settings(max_examples=300)
@given(branching(), st.lists(st.integers(1, 6), min_size=50, max_size=50))
def test_what_takes_another_ones_place_harms_nobody_else(case, chunks):
    commands, layout, inputs, outputs = case
    chunks = chunks[: len(commands)]
    made = plan(commands, layout, inputs, outputs, chunks, CONFIG)
    assert_kept(made, commands, inputs, outputs, chunks)


def test_a_result_takes_its_operands_place():
    commands = [command("t0", "t1"), command("t1", "t2"), command("t1", "t3", "t2")]
    layout = {f"t{i}": TensorLayout(1, 10, 4) for i in range(4)}
    made = plan(commands, layout, ("t0",), ("t3",), [1] * 3, CONFIG)
    assert made.tensors["t3"] == made.tensors["t2"]


@given(st.lists(WORDS, min_size=2, max_size=9), st.integers(1, 20))
def test_the_words_used_are_those_of_tensors_and_chunks(words, chunk):
    commands, layout, inputs, outputs, chunks, config = chain(words, [chunk] * 16)
    try:
        made = plan(commands, layout, inputs, outputs, chunks, config)
    except DoesNotFit:
        return
    for bank in (0, 1):
        ends = [max(w) + 1 for b, w in (words_of(made, t) for t in layout) if b == bank]
        assert made.activation_words[bank] == max(ends, default=0)
        size = chunk * sum(b == bank for b, _ in made.chunks)
        assert made.used_words[bank] == made.activation_words[bank] + size


def test_a_tensor_takes_the_place_of_one_that_is_no_longer_read():
    made = plan(*chain([40, 10, 40, 10, 40], FULL))
    assert {(p.bank, p.address) for p in made.tensors.values()} == {(0, 0), (1, 0)}
    assert made.activation_words == (40, 10)


def test_the_input_stays_while_a_second_command_reads_it():
    commands, layout, inputs, *_ = chain([10, 10, 10], [1] * 16)
    commands.append(command("t0", "t1"))
    made = plan(commands, layout, inputs, ("t1", "t2"), [1] * 3, CONFIG)
    assert made.tensors["t2"].address == 10


@pytest.mark.parametrize("words, address", [(10, 0), (11, 30)])
def test_a_gap_is_filled_by_what_fits_exactly(words, address):
    """t0, of 10 words, is no longer read when t4 comes; t2 lies after it and stays."""
    layout = {f"t{i}": TensorLayout(1, n, 4) for i, n in enumerate((10, 5, 20, 5, words))}
    commands = [command(f"t{a}", f"t{b}") for a, b in ((0, 1), (1, 2))]
    commands += [command(f"t{a}", f"t{b}") for a, b in ((0, 3), (3, 4))]
    chunks = [240, 220, 1, 1] if words == 10 else [1] * 4  # no room for the next sample's input
    made = plan(commands, layout, ("t0",), ("t2", "t4"), chunks, CONFIG)
    assert made.tensors["t2"].address == 10
    assert made.tensors["t4"].address == address


def test_a_chunk_lies_where_its_layer_writes_if_there_is_room():
    made = plan(*chain([10, 10, 10], [20, 30]))
    assert made.chunks == ((1, 10), (0, 20))  # beside where the next input arrives
    full = plan(*chain([10, 250, 10], [20, 30]))  # the first does not fit beside 250 words
    assert full.chunks == ((0, 20), (0, 40))


def test_the_place_of_an_input_stays_free_for_the_next_one_if_there_is_room():
    case = chain([40, 10, 40, 10, 40], [1] * 4)
    made = plan(*case)
    assert made.arrives_after == 0
    assert 0 < made.tensors["t2"].address < 40  # the first words come first
    assert made.tensors["t4"].address >= 40
    assert plan(*chain([40, 10, 40, 10, 40], FULL)).arrives_after == 1


def test_exactly_full_fits_and_a_word_more_does_not():
    made = plan(*chain([100, 56], [100, 256]))
    assert made.used_words == (100, 156)
    made = plan(*chain([156, 56], [200]))
    assert sorted(made.used_words) == [156, 256]
    with pytest.raises(DoesNotFit) as caught:
        plan(*chain([156, 57], [200]))
    assert str(caught.value) == (
        "memory: needs 1.6 KiB of the 2 x 1 KiB: 0.8 KiB of activations (at most 0.6 KiB in a "
        "bank), 0.8 KiB of program"
    )
    limit = caught.value.args[0].limit
    assert (limit.kind, limit.needed, limit.there) == ("memory", 4 * 413, 4 * 512)


def test_activations_alone_may_be_too_large():
    with pytest.raises(DoesNotFit, match=r"at most 1\.0 KiB in a bank.*0\.0 KiB of program"):
        plan(*chain([257, 1], [1]))
