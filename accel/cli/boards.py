"""``accel boards``"""

from typing import Any

from accel.cli._json import write_json
from accel.cli._output import say, show
from accel.cli.options import groups
from accel.cli.tables.listing import table


def boards(json_file: groups.Json = None) -> None:
    """List the boards, their FPGAs and what a core is built as by default.

    FILE has a list with an entry for each board.

    \b
    accel boards
    accel boards --json boards.json
    """
    from accel import boards as known

    found = [_facts(name, board) for name, board in known.BOARDS.items()]
    listing = table("board", "FPGA", "core", ">peak", "what it is")
    for one in found:
        config = one["configuration"]
        listing.add_row(
            one["board"],
            f"{one['device']}: {', '.join(f'{n} {kind}' for kind, n in one['resources'].items())}",
            f"{config['rows']}x{config['columns']} {config['format']} {one['clock_mhz']:g} MHz",
            f"{one['peak_gmacs']:.2f}",
            one["title"],
        )
    show(listing)
    say("core: the default one and its clock; peak: in GMAC/s", style="dim")
    say("Build one with: accel build --board BOARD -o DIR")
    say("Another one by its platform of Amaranth: accel build --board MODULE:CLASS -o DIR")
    write_json(json_file, found)


def _facts(name: str, board: Any) -> dict[str, Any]:
    from accel.target.resources import configure

    config = configure(board)
    return {
        "board": name,
        "title": board.title,
        "device": board.device,
        "resources": dict(board.resources),
        "clock_mhz": board.clock.made_mhz,
        "configuration": config.as_dict(),
        "peak_gmacs": round(config.peak_macs * board.clock.made_mhz / 1e3, 4),
    }
