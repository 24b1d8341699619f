"""``accel selftest``"""

from typing import Annotated, Any

import typer

from accel.cli._json import write_json
from accel.cli._output import progress, say
from accel.cli.options import groups, ports, values

_STYLES = {"passed": "green", "failed": "bold red", "not possible": "yellow"}


def selftest(
    target: groups.TargetOptions,
    port: groups.PortName = None,
    baud: ports.Baud = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="Only this step, beside link and identity: the march through memory takes "
            "minutes on a slow line; may be repeated.",
            metavar="STEP",
        ),
    ] = None,
    json_file: groups.Json = None,
) -> None:
    """Test a board: link, identity, memories, flash, array, requantizers, a known network.

    Says of each step whether it passed, what is wrong and what to look at, or
    why it was not possible. Exit code 0 if nothing failed, else 1. What is in
    the core's memory is lost; the flash is only read. --port sim tests a
    simulated board. FILE has all steps.

    \b
    accel selftest --board icebreaker --port /dev/ttyUSB1
    accel selftest --board icebreaker --port sim --json -
    """
    from accel.bringup.selftest import NAMES
    from accel.bringup.selftest import selftest as steps_of
    from accel.ports import opened

    for name in only or ():
        values.one_of("--only", name, NAMES)
    board, config = target.find()
    ports.note_compilation(port)
    say(f"{board.name}: {config.rows}x{config.columns} {config.format} core behind {port or '?'}")
    steps = []
    with (
        opened(ports.port_of(board, port, baud), config, who="accel selftest") as transport,
        progress("self-test", len(NAMES)) as advance,
    ):
        found = steps_of(config, transport, lambda n, s: advance(NAMES.index(n) + s, n), only or ())
        for step in found:
            steps.append(step)
            say(f"  {step.name:12} {step.outcome:13} {step.said}", style=_STYLES[step.outcome])
            if step.failed:
                say(f"  {'':12} {'look at:':13} {step.look}")
    wrong = [step.name for step in steps if step.failed]
    say(f"Failed: {', '.join(wrong)}" if wrong else "Nothing failed")
    answer: dict[str, Any] = {
        "board": board.name,
        "port": port,
        "config": config.as_dict(),
        "passed": not wrong,
        "steps": [step.as_dict() for step in steps],
    }
    write_json(json_file, answer)
    if wrong:
        raise typer.Exit(1)
