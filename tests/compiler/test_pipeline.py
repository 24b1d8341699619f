"""The compiler is one list of passes, and each can be watched."""

import re
from pathlib import Path

import pytest

import accel.compiler
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile, DoesNotFit
from accel.compiler.operators.softmax import Softmax
from accel.compiler.pipeline import PASSES, Compilation, lower, run_passes
from accel.compiler.reports.pass_texts import PassTexts
from accel.config import AcceleratorConfig
from tests.support.networks.small import Chain
from tests.support.networks.tflite.operators import per_tensor

CONFIG = AcceleratorConfig()
NAMES = [name for name, _ in PASSES]


def small():
    return Chain().convolution().convolution(channels=6).graph()


def softmax_inside():
    chain = Chain().convolution()
    inner = chain.add("softmax", Softmax(beta=1.0), q=per_tensor(1 / 256, -128))
    return inner.convolution().graph()


def test_passes_have_names_of_their_own_and_say_what_they_do():
    assert len(set(NAMES)) == len(NAMES)
    assert all(run.__doc__ for _, run in PASSES)


def test_a_run_ends_with_the_pass_that_is_named():
    seen = []
    begun = Compilation(source=small(), graph=small(), config=CONFIG)
    made = run_passes(begun, last="select", watch=lambda name, _: seen.append(name))
    assert seen == NAMES[: NAMES.index("select") + 1]
    assert made.commands and made.memory is None


def test_layers_before_addresses_are_those_of_the_program():
    program = compile_graph(small(), CONFIG)
    assert [c.name for c in lower(small(), CONFIG).commands] == [c.name for c in program.commands]


def test_each_pass_leaves_a_text_of_what_it_changed():
    texts = PassTexts()
    compile_graph(small(), CONFIG, watch=texts)
    assert [name[3:-4] for name in texts.texts] == NAMES
    assert "commands:" in texts.texts[f"{NAMES.index('select') + 1:02}_select.txt"]
    assert "commands:" not in texts.texts[f"{NAMES.index('link') + 1:02}_link.txt"]
    assert "graph:" in texts.texts["01_fold_pad.txt"]
    assert "Nothing changed." in texts.texts[f"{NAMES.index('fuse') + 1:02}_fuse.txt"]


def test_a_refused_network_leaves_the_texts_of_the_passes_before():
    texts = PassTexts()
    with pytest.raises(CannotCompile):
        compile_graph(softmax_inside().replace(host=False), CONFIG, watch=texts)
    assert [name[3:-4] for name in texts.texts] == NAMES[: NAMES.index("select")]


def test_every_order_of_the_nodes_has_texts_of_its_own():
    """Two convolutions of one tensor: either can be the first, and in neither order do they fit."""
    chain = Chain((1, 16, 16, 4)).convolution()
    chain.last = chain.tensors["x"]
    graph = chain.convolution().graph(outputs=("t1", "t0"))
    texts = PassTexts()
    with pytest.raises(DoesNotFit):
        compile_graph(graph, CONFIG.replace(bank_words=256), watch=texts)
    folders = {name.rpartition("/")[0] for name in texts.texts}
    assert {"", "order1"} <= folders


def test_the_rooms_page_lists_the_passes_in_their_order():
    page = Path(accel.compiler.__file__).with_name("README.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == NAMES
