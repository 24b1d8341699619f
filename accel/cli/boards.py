"""``accel boards``"""

from accel.cli._output import say, show, table


def boards() -> None:
    """List the boards, their FPGAs and what a core is built as by default."""
    from accel import boards as known
    from accel.target.resources import configure

    listing = table("board", "FPGA", "resources", ">clock", "default core", ">peak", "what it is")
    for name, board in known.BOARDS.items():
        config = configure(board)
        listing.add_row(
            name,
            board.device,
            ", ".join(f"{count} {what}" for what, count in board.resources.items()),
            f"{board.clock.made_mhz:g} MHz",
            f"{config.rows}x{config.columns} {config.format}",
            f"{config.peak_macs * board.clock.made_mhz / 1e3:.2f} GMAC/s",
            board.title,
        )
    show(listing)
    say("Build one with: accel build --board BOARD -o DIR")
    say("Another one by its platform of Amaranth: accel build --board MODULE:CLASS -o DIR")
