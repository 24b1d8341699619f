"""``accel bench``"""

from pathlib import Path
from typing import Annotated

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import progress
from accel.cli.options import groups
from accel.cli.tables.bench import show_bench

_QUICK = {"samples": 16, "repeat": 3}


def bench(
    targets: groups.TargetsOptions,
    reading: groups.ReadingOptions,
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL...]",
            callback=_places.input_files,
            help="Quantized .tflite or .onnx files.",
            show_default="the digits example",
        ),
    ] = None,
    folders: Annotated[
        list[Path] | None,
        typer.Option("--models", help="All files in a folder; may be repeated.", metavar="FOLDER"),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="No place and route: the clock as it was recorded."),
    ] = False,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=64, help="Runs of place and route.")
    ] = 8,
    rtl: Annotated[
        bool | None,
        typer.Option(
            "--rtl/--no-rtl",
            help="Count cycles in compiled RTL too.",
            show_default="yes; with --quick only of arrays up to 4x4",
        ),
    ] = None,
    json_file: groups.Json = None,
) -> None:
    """Measure cores and networks, and compare each figure with a published one.

    Of each board, its core is built with 8 seeds, and its signed-off Fmax,
    logic and DSPs are compared with the best that was published for the chip.
    Of each network on it: cycles by the model and in RTL, latency at the
    median Fmax of the core, and what the board's link adds and leaves of
    the rate; MAC a cycle, share of the array's peak, estimated energy.
    Of this computer: compiling, machine, compiled RTL, and two baselines on
    the same inputs, NumPy and TFLM-style C++, once all have answered alike.
    The four networks of MLPerf Tiny are known by their content.

    \b
    accel bench --quick
    accel bench kws.tflite --board icebreaker --board ulx3s_85f
    accel bench --models mlperf_tiny --board all --quick --json bench.json

    FILE has "networks", "boards" and "runs", one for each network and board.
    "figures" of the latter two have, by stable keys, value (null where it was
    not measured), unit, min, max, samples, how, and anchors with value, who,
    source, limit, ratio (ours by theirs) and times_better.

    \b
    boards: fmax clock logic dsp ebr spram build build_seed
    runs:   cycles rtl_cycles latency link throughput macs_per_cycle
            share_of_peak mmacs energy compile machine rtl rtl_speed numpy cpp
    """
    from accel.api import DEFAULT_BOARD
    from accel.bench import networks
    from accel.bench.run import Plan, measure
    from accel.explore.fit.core import advised_core
    from accel.flow.tools import check_named_tools
    from accel.target import resources

    check_named_tools()
    paths = networks.paths(models or [], folders or [])
    subjects = targets.find(DEFAULT_BOARD)
    if not quick:
        for found, config in subjects:
            with advised_core(found, config, "accel bench"):
                resources.check_fits(config, found)
    plan = Plan(
        paths=paths,
        subjects=subjects,
        seeds=() if quick else range(1, seeds + 1),
        choices=reading.choices(),
        rtl=(None if quick else True) if rtl is None else rtl,
        **(_QUICK if quick else {}),
    )
    with progress("bench", plan.steps) as advance:
        result = measure(plan, advance)
    show_bench(result)
    write_json(json_file, result)
