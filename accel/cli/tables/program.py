"""A compiled network as tables: its operators, its layers, its memory."""

from typing import TYPE_CHECKING

from accel.cli._output import say, show
from accel.cli.tables.listing import name, table
from accel.text import escaped

if TYPE_CHECKING:
    from accel.api import Executable, Program, Report, Timing
    from accel.boards import Board


def show_program(program: "Program", title: str, board: "Board") -> None:
    """Every operator of the file, where it runs and what it takes on a board.

    Several layers of one operator are added up; operators that are fused into one layer take
    nothing but for the first of them.
    """
    from accel.compiler.reports.fusion import working_nodes

    report, parts = program.report(), program.code.partition
    homes = working_nodes(program.code)
    driver = {node.name for node in parts.driver}
    listing = table("operator", "in the file", "runs", ">MACs", ">cycles", ">of peak", title=title)
    for node in program.code.source:
        layers = [layer for layer in report.layers if homes[layer.node] == node.name]
        if layers:
            macs = sum(layer.macs for layer in layers)
            cycles = sum(layer.cycles_model for layer in layers)
            share = f"{100 * macs / (cycles * program.config.peak_macs):.1f} %" if macs else ""
            figures = [
                f"core, {max(layers, key=lambda layer: layer.macs).how}",
                f"{macs:,}",
                f"{cycles:,}",
                share,
            ]
        else:
            home = homes.get(node.name)
            free = f"core, within {home}" if home else "core, free"
            figures = ["driver" if node.name in driver else free, "", "", ""]
        listing.add_row(name(node.name), node.source, *figures)
    nodes = {node.name for node in program.code.source}
    for layer in report.layers:
        if homes.get(layer.node) == layer.node and layer.node not in nodes:
            figures = [f"core, {layer.how}", "", f"{layer.cycles_model:,}", ""]
            listing.add_row(name(layer.name), "copy of a state", *figures)
    share = f"{100 * report.utilization:.1f} %"
    listing.add_section()
    listing.add_row("one inference", "", "", f"{report.macs:,}", f"{report.cycles:,}", share)
    show(listing)
    _show_batch(report)
    _show_crossings(report, program.timing(board) if report.crossings else None)


def _show_batch(report: "Report") -> None:
    if report.batch > 1:
        say(f"  the file's batch is {report.batch}: an inference is one sample, row by row")
    own = [state for state in report.program.states if state.kept_by == "driver"]
    if own:
        shown = ", ".join(f"{escaped(s.name)} {list(s.shape)} of {s.dtype}" for s in own)
        say(f"  the driver keeps from one inference to the next: {shown}")
    states = [state for state in report.program.states if state.kept_by == "core"]
    if states:
        shown = ", ".join(f"{s.name} {list(s.shape)}, {s.bytes:,} bytes" for s in states)
        count = "1 state stays" if len(states) == 1 else f"{len(states)} states stay"
        say(f"  {count} in memory from one inference to the next: {shown}")
        say(
            f"  {report.state_bytes:,} bytes of states in memory, {report.state_line_bytes:,} of "
            "them on the line in an inference"
        )


def _show_crossings(report: "Report", timing: "Timing | None") -> None:
    """What the driver computes inside the network, what crosses for it, and how long that takes."""
    for number, one in enumerate(report.crossings):
        times = timing.crossings_ms[number : number + 1] if timing else ()
        taken = f", {times[0]:.2f} ms with the link" if times else ""
        nodes = escaped(", ".join(one.nodes) or "nothing")
        say(
            f"  driver, before {escaped(one.layer or 'the end')}: {nodes}; {one.from_core:,} bytes "
            f"from the core, {one.to_core:,} to it{taken}"
        )


def show_layers(report: "Report") -> None:
    """What each layer of one inference takes."""
    config = report.program.config
    counted = "counted on the board" if report.executor == "board" else "counted in RTL"
    source = counted if report.measured else "from the cycle model"
    title = f"{report.program.name} on {config.rows}x{config.columns} {config.format}, {source}"
    listing = table("layer", "mode", ">MACs", ">cycles", ">of peak", title=title)
    for layer, _ in report.whole_layers:
        cycles = layer.cycles_model if layer.cycles is None else layer.cycles
        share = f"{100 * layer.utilization:.1f} %" if layer.macs else ""
        listing.add_row(name(layer.name), layer.how, f"{layer.macs:,}", f"{cycles:,}", share)
    listing.add_section()
    total = f"{100 * report.utilization:.1f} %"
    listing.add_row("one inference", "", f"{report.macs:,}", f"{report.cycles:,}", total)
    show(listing)
    _show_batch(report)
    _show_crossings(report, report.timing if report.crossings else None)


def show_memory(program: "Program", board: "Board") -> None:
    """What is taken of the core's memory and of the FPGA, and how long an inference lasts."""
    from accel.target.resources import needs

    config, memory = program.config, program.code.memory
    kib = config.rows / 1024
    for bank, used in enumerate(memory.used_words):
        activations = memory.activation_words[bank]
        say(
            f"  bank {bank}: {used * kib:.1f} of {config.bank_words * kib:.0f} KiB "
            f"({activations * kib:.1f} activations, {(used - activations) * kib:.1f} program)"
        )
    if memory.flash_bytes:
        say(f"  flash: {memory.flash_bytes / 1024:.1f} KiB of program, streamed while layers run")
    cells = (
        f"{n} of {board.resources.get(kind, 0)} {kind}" for kind, n in needs(config).items() if n
    )
    say(f"  needs at least {', '.join(cells)}; logic: known from accel build --board {board.name}")
    show_timing(program, board)


def show_timing(program: "Executable", board: "Board") -> None:
    """What an inference takes on a board: core, link and both."""
    timing, clock = program.timing(board), board.clock.made_mhz
    say(f"  {timing}; {clock:g} MHz, {timing.baud / 1e6:g} Mbaud, USB as modelled")
