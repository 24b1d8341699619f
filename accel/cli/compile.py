"""``accel compile``"""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import say, show_exactness
from accel.cli.options import groups

if TYPE_CHECKING:
    from accel.api import Report

PROGRAM, LISTING, LAYERS = "program.bin", "listing.txt", "layers.json"


def compile(
    model: groups.Model,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the files.",
            metavar="DIR",
            callback=_places.output_folder,
        ),
    ],
    target: groups.TargetOptions,
    network: groups.NetworkOptions,
    lost: Annotated[
        bool, typer.Option("--lost", help="Show where the cycles of each layer go.")
    ] = False,
    passes: Annotated[
        Path | None,
        typer.Option(
            "--passes", help="Folder for what each of the compiler's passes made.", metavar="DIR"
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="Names of the classes, for the program file: .json, .npy, or text, one a line.",
            metavar="FILE",
            callback=_places.input_files,
        ),
    ] = None,
    json_file: groups.Json = None,
) -> None:
    """Compile a network to a program for a board's core.

    DIR gets program.bin (which runs without the model), listing.txt (the same for
    people) and layers.json (what every layer takes).

    What has no room in the core's memory is streamed from the board's flash,
    if the core has one (--set flash_lanes=4): then program.bin is to be
    written there too, and the last lines say how.

    --passes writes a text file for each pass of the compiler, numbered in the
    order in which they run: how the network becomes layers, then commands,
    then bytes. FILE has what layers.json has, the program's bytes, those of
    them that are in flash, and the paths of the files.

    \b
    accel compile model.tflite --board icebreaker -o program
    accel compile model.tflite -o program --passes passes
    accel compile model.tflite -o program --labels names.txt
    accel run program/program.bin -i x.npy -o y.npy
    """
    import accel
    from accel.api import advised, command_words
    from accel.cli.inputs.labels import read_names
    from accel.compiler.frontends import load
    from accel.compiler.program.disassembly import write_listing
    from accel.compiler.reports.pass_texts import PassTexts
    from accel.explore.fit.result import options_of
    from accel.flow.output import staged
    from accel.target import resources

    _places.check_in_folder(output, PROGRAM, LISTING, LAYERS)
    found, config = target.find()
    graph = load(model, network.contract, network.choices())
    names = read_names(labels, graph.tensor(graph.outputs[0])) if labels else ()
    words = command_words(network.contract, network.choices(), network.fuse, network.exact)
    with advised(
        model, graph, found, config, fuse=network.fuse, exact=network.exact, options=words
    ):
        resources.check_fits(config, found)
    texts = PassTexts() if passes else None
    try:
        program = accel.compile(
            model, board=found, config=config, watch=texts, **network.arguments()
        )
    finally:  # also of a network that is refused: the last file is of the pass before
        if passes and texts and texts.texts:
            with staged(passes) as work:
                texts.write(work)
            say(f"Wrote what each pass made to {passes}")
    report = program.report()
    with staged(output) as work:
        program.save(work / PROGRAM, names)
        (work / LISTING).write_text(write_listing(program.code), encoding="utf-8")
        (work / LAYERS).write_text(json.dumps(report.as_dict(), indent=2) + "\n")
    say(
        f"{program.name} for {found.name}, {config.rows}x{config.columns} {config.format}: "
        f"{len(report.layers)} layers, {program.code.size_bytes:,} bytes, "
        f"{report.cycles:,} cycles, {100 * report.utilization:.1f} % of the array's peak"
    )
    if lost:
        _show_lost(report)
    show_exactness(report)
    files = [str(output / name) for name in (PROGRAM, LISTING, LAYERS)]
    say(f"Wrote {', '.join(files)}")
    if program.code.flash and found.flash:
        how = found.how_to_write_program(str(output / PROGRAM))
        say(f"{program.code.memory.flash_bytes:,} bytes of it come from the board's flash: {how}")
        if any(one.program for one in found.programmers):
            words = ["accel", "program", str(output), "--board", found.name]
            words += [*options_of(config, found), "--flash"]
            say(f"Or: {shlex.join(words)}")
        if config.flash_lanes == 4:
            say(f"Unless it reads on four lines already, once: {found.how_to_enable_quad()}")
    sizes = {"bytes": program.code.size_bytes, "flash_bytes": program.code.memory.flash_bytes}
    write_json(json_file, report.as_dict() | sizes | {"files": files})


def _show_lost(report: "Report") -> None:
    """Cycles by what they are lost to, layer by layer.

    `accel.sim.cycles.loss_attribution` says what the parts are.
    """
    parts = [part for part, cycles in report.lost.items() if cycles]
    rows = [(layer.name, layer.cycles_model, layer.lost) for layer, _ in report.whole_layers]
    rows.append(("all", report.cycles_model, report.lost))
    width = max(len(name) for name, _, _ in rows)
    say(f"{'cycles':{width}} {'total':>9} " + " ".join(f"{part:>9}" for part in parts))
    for name, cycles, lost in rows:
        shown = " ".join(f"{lost[part]:>9,.0f}" for part in parts)
        say(f"{name:{width}} {cycles:>9,} {shown}")
