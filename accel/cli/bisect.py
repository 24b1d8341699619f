"""``accel bisect``"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import progress, say
from accel.cli.options import groups, ports

if TYPE_CHECKING:
    from accel.bringup.bisect import Bisection, Difference


def bisect(
    model: groups.Model,
    input: Annotated[
        Path,
        typer.Option(
            "--input",
            "-i",
            help="A batch [N, ...] or one sample, as accel run takes it.",
            metavar="X.npy",
            callback=_places.input_files,
        ),
    ],
    target: groups.TargetOptions,
    network: groups.NetworkOptions,
    port: groups.PortName = None,
    baud: ports.Baud = None,
    json_file: groups.Json = None,
) -> None:
    """Run layer by layer on a board, and name the first element that differs from the machine.

    After each layer its output is read and compared. Ends with the layer, the
    tensor's index, the value and the expected one, or says that all are
    equal. Exit code 0 if so, else 1.

    \b
    accel bisect model.tflite -i x.npy --board icebreaker --port /dev/ttyUSB1
    """
    import accel
    from accel.bringup.bisect import bisect as find
    from accel.cli.inputs.batch import read_batch
    from accel.compiler.graph.interpreter import check_inputs
    from accel.ports import opened

    board, config = target.find()
    with contextlib.closing(
        accel.compile(model, **network.arguments(), board=board, config=config)
    ) as program:
        code = program.code
        inputs = check_inputs(code.graph, read_batch(input, code.graph).inputs)
        samples = len(next(iter(inputs.values())))
        ports.note_compilation(port)
        at = ports.port_of(board, port, baud)
        with (
            opened(at, config, code.flash, who="accel bisect") as transport,
            progress("comparing layers", samples * max(1, len(code.commands))) as advance,
        ):
            found = find(code, transport, inputs, advance)
    _show(code.name, found)
    write_json(json_file, {"program": code.name, "port": port, **found.as_dict()})
    if not found.equal:
        raise typer.Exit(1)


def _show(name: str, found: "Bisection") -> None:
    if found.equal:
        say(
            f"{name}: all {found.layers} layers of {found.samples} sample(s) are equal to the "
            f"machine's, {found.elements:,} elements"
        )
    if found.stopped:
        say(f"{name}: {found.stopped}", style="bold red")
    if found.difference:
        _show_difference(name, found.difference)
    for layer, counted, model in found.cycles:
        say(f"  layer {layer} counted {counted:,} cycles, the model says {model:,}", style="yellow")


def _show_difference(name: str, first: "Difference") -> None:
    index = ", ".join(map(str, first.index))
    say(
        f"{name}: sample {first.sample}, layer {first.number} ({first.layer}): {first.tensor}"
        f"[{index}] is {first.value}, and should be {first.expected}",
        style="bold red",
    )
    say(f"  {first.differing} of the layer's {first.written:,} elements differ; all layers before")
    say(
        f"  are equal. The element is in bank {first.bank}, word {first.address:#x}, byte "
        f"{first.byte}"
    )
    if first.chunk_bytes:
        say(
            f"  {first.chunk_bytes} bytes of the layer's weights or descriptor in memory are not "
            f"what was loaded: look at the memory, with accel selftest",
            style="yellow",
        )
    else:
        say("  The layer's weights in memory are right; `accel selftest` says which part is not")
