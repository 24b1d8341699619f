"""When the place of an input is free is what the layers' places say."""

from types import SimpleNamespace

from accel.compiler.ir.tensor_layout import TensorLayout
from accel.compiler.memory.allocation import Placement
from accel.compiler.pipeline import compile_graph
from accel.config import AcceleratorConfig
from accel.host.overlap import free_after, input_banks
from tests.support.networks.small import two_convolutions

CONFIG = AcceleratorConfig()


def program(places, layers, *, chunks=None, transfers=None):
    """A program of layers from one tensor to another, with a third one's place or not."""
    tensors = {
        name: Placement(bank, address, TensorLayout(1, words, CONFIG.rows))
        for name, (bank, address, words) in places.items()
    }
    commands = [
        SimpleNamespace(source=source, output=output, residual=residual, addend=None)
        for source, output, residual in layers
    ]
    away = SimpleNamespace(bank=1, address=9000, data=bytes(40))
    return SimpleNamespace(
        config=CONFIG,
        inputs=[SimpleNamespace(tensor="x")],
        commands=commands,
        chunks=chunks or [away] * len(commands),
        transfers=transfers or [None] * len(commands),
        memory=SimpleNamespace(tensors=tensors),
        placement=tensors.__getitem__,
    )


PLACES = {"x": (0, 0, 100), "a": (1, 0, 50), "b": (0, 100, 50), "c": (1, 50, 9)}
LAYERS = [("x", "a", None), ("a", "b", None), ("b", "c", None)]


def test_a_place_that_nobody_uses_again_is_free_after_the_layer_that_reads_it():
    assert free_after(program(PLACES, LAYERS)) == 1
    assert input_banks(program(PLACES, LAYERS)) == {0}


def test_a_place_that_a_later_layer_writes_is_free_after_that_is_read():
    assert free_after(program(PLACES | {"b": (0, 99, 50)}, LAYERS)) == 3


def test_a_place_that_is_read_again_is_free_after_that():
    assert free_after(program(PLACES, [*LAYERS[:2], ("b", "c", "x")])) == 3


def test_a_place_into_which_something_is_copied_is_not_free_before():
    copied = SimpleNamespace(bank=0, address=90, size=400)
    assert free_after(program(PLACES, LAYERS, transfers=[None, copied, None])) == 2
    chunk = SimpleNamespace(bank=0, address=90, data=bytes(400))
    away = SimpleNamespace(bank=1, address=9000, data=bytes(40))
    assert free_after(program(PLACES, LAYERS, chunks=[away, chunk, away])) == 2


def test_the_second_of_two_layers_takes_the_inputs_place():
    code = compile_graph(two_convolutions(), CONFIG)
    assert free_after(code) == len(code.commands) == 2
