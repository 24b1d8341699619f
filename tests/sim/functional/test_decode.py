"""A layer is decoded into what plain Python walks: which bytes are read, and where codes go."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.ir.bit_fields import encode
from accel.config import AcceleratorConfig
from accel.isa import COORDINATE_BITS, Isa
from accel.numeric.division.division import DIVISOR_BITS, OFFSET_DROPPED_BITS
from accel.sim.functional.decode import decode_layer
from accel.sim.functional.layer import IllegalProgram
from tests.core.datapath.test_write_back import output_fields, places
from tests.support.rtl.layers import is_outside, positions, taps

SHAPES = st.sampled_from([(4, 4), (3, 5), (2, 6), (4, 8), (8, 2)])
SEEDS = st.integers(0, 1 << 32)


def config_of(shape, **changes):
    rows, columns = shape
    return AcceleratorConfig(rows=rows, columns=columns, bank_words=4096, **changes)


def drawn_fields(isa, rng):
    """A layer that goes over its input's edges, with addresses that stay in the banks."""
    rows, lines = isa.config.rows, isa.config.broadcast_rows
    f = output_fields(isa, rng, residual=False)
    f |= {"maximum": 0, "lookup_tables": 0, "weight_words_less_one": 0}
    f |= {"shared": rng.getrandbits(1)}
    if f["broadcast"]:
        f |= {"blocks_less_one": 0, "inner_taps_less_one": rows + rng.randrange(3)}
        f["columns_less_one"] = rng.randrange(min(rows, isa.config.columns))
        f["last_columns_less_one"] = rng.randrange(f["columns_less_one"] + 1)
    if lines > 1:
        f |= {
            n: rng.randrange(lines)
            for n in ("broadcast_rows_less_one", "last_broadcast_rows_less_one")
        }
        f["stride2_skip"] = int(f["broadcast"] and rng.random() < 0.5)
        f["output_broadcast_row_step"] = rng.randrange(40)
        if f["stride2_skip"]:
            f |= {"run_less_one": rng.choice([1, 2]) * rows - 1, "run_filling": rng.randrange(rows)}
    names = ("output_base", "output_inner_step", "output_outer_step")
    return (
        f | {name: rng.randrange(60) for name in names} | {"output_group_words": rng.randrange(2)}
    )


def chunk_of(isa, fields, rng):
    """The bytes of a layer, of random records and weights; the fields as they lie there."""
    config = isa.config
    steps = 1 if fields["broadcast"] else config.rows
    for name in ("inner_taps", "outer_taps", "blocks"):
        steps *= fields[f"{name}_less_one"] + 1
    words = -(-steps // config.steps_per_weight_row) * config.words_per_weight_row
    fields = {**fields, "next": 0, "last": 1, "weight_words_less_one": words - 1}
    header = encode(isa.descriptor, fields).to_bytes(isa.descriptor_words * config.rows, "little")
    groups = 1 if fields["shared"] else fields["groups_less_one"] + 1
    words += isa.group_parameter_words(fields["columns_less_one"] + 1)
    words = groups * words + (isa.table_words(fields["residual"]) if fields["lookup_tables"] else 0)
    return header + rng.randbytes(words * config.rows), fields


def decoded(shape, seed, **changes):
    config, rng = config_of(shape), random.Random(seed)
    isa = Isa(config)
    fields = drawn_fields(isa, rng) | changes
    chunk, fields = chunk_of(isa, fields, rng)
    return decode_layer(chunk, config), fields, chunk, isa


@settings(max_examples=120)
@given(SHAPES, SEEDS)
def test_the_bytes_of_each_tap_of_each_position_are_read(shape, seed):
    layer, f, _, isa = decoded(shape, seed)
    rows, span = isa.config.rows, 1 << isa.address_bits
    expected = []
    for address, x, y in positions(f, 0)[:: rows if f["broadcast"] else 1]:
        row = []
        for offset, inner, outer in taps(f):
            byte = (address + offset) % span * rows
            outside = is_outside(f, x + inner, y + outer)
            many = 1 if f["broadcast"] else rows
            row += [-1] * many if outside else range(byte, byte + many)
        expected.append(row)
    np.testing.assert_array_equal(layer.reads, expected)


@settings(max_examples=150)
@given(SHAPES, SEEDS)
def test_codes_go_where_the_write_back_puts_them(shape, seed):
    layer, f, _, isa = decoded(shape, seed)
    rows, columns = shape
    count = (f["run_less_one"] + 1) * (f["runs_less_one"] + 1)
    found = [p.word * rows + p.lane if p.real else -1 for p in places(f, isa.config, 30)]
    expected = np.reshape(found, (f["groups_less_one"] + 1, -1, columns))[:, :count]
    np.testing.assert_array_equal(layer.writes, expected)


@settings(max_examples=60)
@given(SHAPES, SEEDS)
def test_each_column_has_the_record_of_its_channel(shape, seed):
    """Columns after the last record have any; of a broadcast layer all lines have the same."""
    layer, f, chunk, isa = decoded(shape, seed)
    rows, columns = shape
    size, stream = isa.channel_parameter_words * rows, isa.descriptor_words * rows
    words = isa.group_parameter_words(f["columns_less_one"] + 1) + f["weight_words_less_one"] + 1
    for group in range(len(layer.weights)):
        for column in range(columns):
            record = column % rows if f["broadcast"] else column
            if record > f["columns_less_one"]:
                continue
            at = stream + group * words * rows + record * size
            bits = int.from_bytes(chunk[at : at + size], "little")
            early, late, *offsets = (
                isa.channel_parameter_layout[n]
                for n in ("early", "late", "offset", "offset_negative")
            )

            def field(part, name, bits=bits):
                inner = part.shape[name]
                return bits >> part.offset + inner.offset & (1 << inner.width) - 1

            division = layer.division
            complement = field(early, "divisor_high") << 32 | field(late, "divisor_low")
            assert division.divisor[group, 0, column] + complement == (1 << DIVISOR_BITS) - 1
            assert division.bias[group, 0, column] % (1 << 32) == (
                field(early, "bias")
                - (
                    field(early, "bias")
                    >> early.shape["bias"].width - 1
                    << early.shape["bias"].width
                )
            ) % (1 << 32)
            assert division.form[group, 0, column] == field(early, "form")
            assert division.tie[group, 0, column] == field(early, "tie")
            for name, part in zip(("offset", "offset_negative"), offsets, strict=True):
                whole = field(early, "offset_high") << part.shape["low"].width | field(part, "low")
                whole <<= OFFSET_DROPPED_BITS
                assert getattr(division, name)[group, 0, column] == whole


@pytest.mark.parametrize(
    ("changes", "bounds"),
    [
        ({}, (-9, 40)),
        ({"maximum": 1, "residual": 1}, (-128, 127)),
        ({"lookup_tables": 1}, (-128, 127)),
    ],
)
def test_a_division_is_clamped_only_where_nothing_comes_before_the_clamp(changes, bounds):
    clamp = {"low": -9 + 128, "high": 40 + 128}
    layer, f, _, _ = decoded((4, 4), 3, **clamp, **changes)
    assert (layer.division.low, layer.division.high) == bounds
    assert layer.has_post_op == bool(changes)
    assert layer.division.tie_parity == f["tie_parity"]
    assert (layer.lookup_tables is not None) == bool(changes.get("lookup_tables"))


@pytest.mark.parametrize("residual", [0, 1])
def test_tables_lie_before_the_groups_entry_by_entry(residual):
    layer, _, chunk, isa = decoded((4, 4), 5, lookup_tables=1, residual=residual)
    at, width = isa.descriptor_words * 4, isa.table_entry["value"].width
    size = isa.words(isa.table_entry) * 4
    first, other = layer.lookup_tables
    assert (len(first), len(other)) == (256, 256 if residual else 1)
    for index, value in enumerate([*first.tolist(), *other.tolist()]):
        raw = int.from_bytes(chunk[at + index * size :][:size], "little") & (1 << width) - 1
        assert value == raw - (raw >> width - 1 << width)


def test_the_last_steps_of_a_broadcast_run_have_no_weights():
    """For row r the taps come r steps late: with 4 rows, the last 3 of each run are idle."""
    changes = {"broadcast": 1, "inner_taps_less_one": 5, "outer_taps_less_one": 1}
    layer, *_ = decoded((4, 4), 2, **changes, blocks_less_one=0)
    idle = (layer.weights == 0).all(axis=(0, 2)).tolist()
    assert idle == [False, False, False, True, True, True] * 2


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("what", ["reads", "writes"])
def test_what_lies_outside_a_bank_is_refused_from_the_first_byte_on(what, fits):
    """Of 1000 words, which an address may be beyond: the last one is there, the next one is not."""
    config, rng = AcceleratorConfig(rows=4, columns=4, bank_words=1000), random.Random(1)
    isa = Isa(config)
    ones = ("inner_taps", "outer_taps", "blocks", "run", "runs", "groups")
    fields = {name: 0 for name, _ in isa.descriptor}
    fields |= {f"{name}_less_one": 0 for name in ones}
    one = (1 << COORDINATE_BITS) - 1  # negated
    fields |= {"inner_size_negated": one, "outer_size_negated": one}
    fields |= {"inner_origin": 1, "outer_origin": 1}
    fields |= {"high": 255}  # of one column, whose codes go to the first byte of words
    fields["input_base" if what == "reads" else "output_base"] = 999 if fits else 1000
    chunk, _ = chunk_of(isa, fields, rng)
    if fits:
        decode_layer(chunk, config)
    else:
        with pytest.raises(IllegalProgram, match=f"^a layer {what} outside its bank$"):
            decode_layer(chunk, config)
