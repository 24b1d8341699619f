"""With copies, every layer reads one bank and writes the other, and computes what it did
without."""

from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.ir.layer import PostOp
from accel.compiler.lowering.bank_copies import add_bank_copies
from accel.compiler.lowering.lookup_tables import copy_layer

SHAPES = ((1, 1, 4), (2, 3, 4), (3, 3, 8))


def layer(index, source, output, shapes, second=None):
    """A layer of a name of its own, from a tensor to another one."""
    post_op = PostOp(residual=second, maximum=True) if second else None
    return copy_layer(f"n{index}", f"n{index}", source, output, shapes[output]).replace(
        input_shape=shapes[source], post_op=post_op
    )


@st.composite
def layers(draw):
    """Layers between tensors of any shapes: alone, of two operands, of parts, and of many maxima.

    With them come the network's inputs, and its outputs, some of which others read too.
    """
    shapes = {f"x{i}": draw(st.sampled_from(SHAPES)) for i in range(draw(st.integers(1, 2)))}
    inputs, made = list(shapes), []
    for _ in range(draw(st.integers(1, 12))):
        sources = [draw(st.sampled_from(list(shapes))) for _ in range(draw(st.integers(1, 3)))]
        output, kind = f"t{len(made)}", draw(st.sampled_from(("one", "pair", "parts", "maxima")))
        shape = shapes[output] = draw(st.sampled_from(SHAPES))
        if kind in ("one", "pair"):
            operands = [name for name in shapes if shapes[name] == shape and name != output]
            second = draw(st.sampled_from(operands)) if kind == "pair" and operands else None
            made.append(layer(len(made), sources[0], output, shapes, second))
            continue
        for place, source in enumerate(sources):
            second = output if kind == "maxima" and place else None
            made.append(layer(len(made), source, output, shapes, second))
    read = {c.source for c in made} | {c.post_op.residual for c in made if c.post_op}
    outputs = {c.output for c in made} - read
    outputs |= draw(st.sets(st.sampled_from(sorted({c.output for c in made}))))
    return made, inputs, outputs


def second_of(c):
    return c.post_op.residual if c.post_op else None


def executed(convolutions, inputs, outputs, in_place):
    """What each output is: names and operands of the layers that wrote it. Where ``in_place``, a
    second operand is no more when the output has taken its place."""
    values = {name: name for name in inputs}
    known = {c.name for c in convolutions if is_copy(c)}
    for c in convolutions:
        if c.name in known:
            values[c.output] = values[c.source]
            continue
        second = second_of(c)
        before = values.get(c.output) if second is None else values[second]
        values[c.output] = (c.name, values[c.source], before)
        if in_place and second not in (None, c.output):
            del values[second]
    return {name: values[name] for name in outputs}


def is_copy(c):
    return c.is_copy_in_place and c.name != c.output and "_" in c.name


def banks_of(convolutions):
    """A bank of each tensor, or None where one would have to be in both."""
    apart = {}
    for c in convolutions:
        for other, differ in ((c.source, 1), (second_of(c), 0)):
            if other is not None:
                apart.setdefault(c.output, []).append((other, differ))
                apart.setdefault(other, []).append((c.output, differ))
    banks = {}
    for start in apart:
        waiting = [(start, banks.get(start, 0))]
        while waiting:
            name, bank = waiting.pop()
            if name in banks:
                if banks[name] != bank:
                    return None
                continue
            banks[name] = bank
            waiting += [(other, bank ^ differ) for other, differ in apart[name]]
    return banks


@settings(max_examples=400)
@given(layers())
def test_each_layer_reads_one_bank_and_writes_the_other(case):
    made, _, outputs = case
    assert banks_of(add_bank_copies(made, outputs)) is not None


@settings(max_examples=400)
@given(layers())
def test_layers_compute_what_they_did_though_operands_are_overwritten(case):
    made, inputs, outputs = case
    changed = add_bank_copies(made, outputs)
    assert [c.name for c in changed if not is_copy(c)] == [c.name for c in made]
    assert len({c.name for c in changed}) == len(changed)
    assert executed(changed, inputs, outputs, True) == executed(made, inputs, outputs, False)


@settings(max_examples=200)
@given(layers())
def test_copies_are_of_the_shape_of_what_they_copy(case):
    made, _, outputs = case
    for c in add_bank_copies(made, outputs):
        if is_copy(c):
            original = next(o for o in made if c.name.startswith(f"{o.name}_"))
            operand = c.name.endswith(("_operand", "_operand_copy"))
            assert c.output_shape == (original.output_shape if operand else original.input_shape)


def chain(*edges, shapes=None):
    """Layers n0, n1, ... of ``source output`` or ``source output second``."""
    names = {name for edge in edges for name in edge.split()}
    shapes = dict.fromkeys(names, SHAPES[0]) | (shapes or {})
    return [layer(i, *e.split()[:2], shapes, *e.split()[2:]) for i, e in enumerate(edges)]


def copies(convolutions, outputs):
    return [(c.name, c.source) for c in add_bank_copies(convolutions, outputs) if is_copy(c)]


def test_a_chain_and_a_residual_around_two_layers_need_no_copy():
    assert copies(chain("x a", "a b", "b c"), {"c"}) == []
    assert copies(chain("x a", "a b", "b c a"), {"c"}) == []


def test_a_residual_around_one_layer_needs_a_copy():
    """Input and operand would have to be in the same bank."""
    assert copies(chain("x a", "a b", "b c", "c d a"), {"d"}) == [("n3_input", "c")]
    assert copies(chain("x a", "x b", "b c a"), {"c"}) == [("n2_input", "b")]


def test_a_tensor_with_itself_needs_a_copy():
    assert copies(chain("x a", "a b a"), {"b"}) == [("n1_input", "a")]


def test_an_operand_that_is_read_later_is_copied_into_the_bank_where_it_is_wanted():
    assert copies(chain("x a", "a b", "b c", "c d a", "a e"), {"d", "e"}) == [("n3_operand", "a")]
    assert copies(chain("x a", "a b", "b c", "c d a"), {"d", "a"}) == [("n3_operand", "a")]
    assert copies(chain("x a", "a b", "b c a"), {"a", "c"}) == [
        ("n2_operand", "a"),
        ("n2_input", "b"),
    ]


def test_the_smaller_one_of_input_and_operand_is_copied():
    small, large = SHAPES[0], SHAPES[2]
    edges = ("x a", "x b", "b c a")
    shapes = {"x": large, "a": small, "b": large, "c": small}
    assert copies(chain(*edges, shapes=shapes), {"c"}) == [("n2_operand_copy", "a")]
    shapes = {"x": large, "a": large, "b": small, "c": large}
    assert copies(chain(*edges, shapes=shapes), {"c"}) == [("n2_input", "b")]
