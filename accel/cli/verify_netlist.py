"""``accel verify-netlist``"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from accel.cli._json import write_json
from accel.cli._output import error, note, progress, say
from accel.cli.options import completion, groups, values


def verify_netlist(
    build: Annotated[
        Path | None,
        typer.Argument(
            metavar="[BUILD]",
            help="The folder that accel build has made: build, where neither it nor --board is "
            "given.",
            show_default=False,
        ),
    ] = None,
    board: groups.BoardOfNetlist = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, max=1000, help="Images of digits to run.")
    ] = 2,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario",
            help="Only this, of what happens to the board; may be repeated.",
            metavar="NAME",
            autocompletion=completion.scenarios,
            show_default="all",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of what is undefined after power-up.")
    ] = 0,
    json_file: groups.Json = None,
) -> None:
    """Simulate a board's netlist with 64 power-ups at once, and hold it to RTL.

    What synthesis has made is simulated cell by cell; what a chip leaves
    undefined is random. The driver's bytes for the network that reads digits
    go in at the UART's pin: bytes, counters and cycles must be those of RTL, in
    all lanes; after power-up, a lost lock of the PLL, a reset within a frame and
    an abort. Place and route are not simulated. Exit code 0 if all is the same,
    else 1. FILE has what was compared and the first difference.

    \b
    accel verify-netlist build
    accel verify-netlist --board icebreaker --scenario power-up
    """
    from accel.bringup.netlist_check import check_netlist, check_scenarios
    from accel.bringup.network_check import digits_program, digits_samples
    from accel.flow.tools import check_named_tools
    from accel.target import resources
    from accel.target.built import read_built
    from accel.target.netlist import netlist_of_board, netlist_of_build

    check_named_tools()
    check_scenarios(scenario or ())
    found = values.find_board(board) if board else None
    with progress("verify the netlist", 1.0) as advance:

        def tell(text: str, share: float) -> None:
            advance(share, text)

        if build is None and found is not None:
            config = resources.configure(found)
            text = netlist_of_board(found, config, on_progress=tell)
        else:
            folder = build or Path("build")
            built = read_built(folder, found)
            found = built.board
            text, config = netlist_of_build(folder, built, on_progress=tell)
        verified = check_netlist(
            text,
            found,
            config,
            digits_program(config),
            digits_samples(samples),
            scenarios=scenario or (),
            seed=seed,
            on_progress=tell,
        )
    say(
        f"{found.name}: netlist of a {config.rows}x{config.columns} {config.format} core, "
        f"64 power-ups, {verified.cycles:,} cycles"
    )
    say(
        f"  {verified.sent:,} bytes sent, {verified.answered:,} answered as RTL does, each "
        f"{verified.delay} cycles later; {verified.samples} samples"
    )
    say(f"  unknown values at outputs: in {verified.unknown_cycles:,} cycles")
    difference: dict[str, Any] | None = None
    if verified.difference:
        difference = {**asdict(verified.difference), "text": str(verified.difference)}
    write_json(
        json_file,
        {
            "board": found.name,
            "configuration": config.as_dict(),
            **{name: value for name, value in asdict(verified).items() if name != "difference"},
            "difference": difference,
            "holds": verified.holds,
        },
    )
    if verified.holds:
        say("The netlist is the RTL", style="green")
        return
    if verified.difference:
        error(str(verified.difference))
    if verified.unknown_cycles:
        error(f"outputs differ between power-ups in {verified.unknown_cycles:,} cycles")
    note("do not use this bitstream: no option mends it; --seed and --scenario show it again")
    raise typer.Exit(1)
