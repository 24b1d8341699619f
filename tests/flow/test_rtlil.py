"""RTLIL without the contents of large memories is otherwise Amaranth's."""

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib.memory import Memory

from accel.flow.rtlil import convert


def _design(depth: int, init: list[int]) -> tuple[Module, list[Signal]]:
    m, address, found = Module(), Signal(range(depth)), Signal(8)
    m.submodules.memory = memory = Memory(shape=8, depth=depth, init=init)
    read = memory.read_port()
    m.d.comb += [read.addr.eq(address), found.eq(read.data)]
    return m, [address, found]


def test_a_memory_of_fewer_words_keeps_its_contents():
    (ours, ports), (theirs, others) = _design(63, [7, 9]), _design(63, [7, 9])
    text = convert(ours, least_words=64, ports=ports)
    assert text == rtlil.convert(theirs, ports=others, emit_src=False)
    assert "$meminit_v2" in text


def test_of_a_large_memory_only_what_it_comes_up_with_is_left_out():
    (ours, ports), (theirs, others) = _design(64, []), _design(64, [])
    text = convert(ours, least_words=64, ports=ports)
    whole = rtlil.convert(theirs, ports=others, emit_src=False)
    begin = whole.index("  cell $meminit_v2")
    end = whole.index("  end\n", begin) + len("  end\n")
    left = (whole[:begin] + whole[end:]).replace("cell $memrd_v2 $2", "cell $memrd_v2 $1")
    assert text.split() == left.split()


def test_contents_are_never_lost_and_amaranth_is_left_as_it_was():
    design, ports = _design(64, [0, 5])
    with pytest.raises(ValueError, match="of 64 words has contents"):
        convert(design, least_words=64, ports=ports)
    whole, others = _design(64, [0, 5])
    assert "$meminit_v2" in rtlil.convert(whole, ports=others)
