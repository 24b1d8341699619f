"""Tables of ``accel bench``, made of its JSON: each figure beside the one it is compared with."""

from collections.abc import Mapping
from typing import Any

from accel.cli._output import say, show
from accel.cli.tables.listing import table
from accel.cli.tables.reasons import counted_texts

_EXPLAINED = ("fmax", "latency", "throughput", "build")  # figures whose ways are always told
_METHODS = ("energy", "cpp", "numpy")  # and those that are told once, at the end
_NEAR = 0.005


def show_bench(bench: Mapping[str, Any]) -> None:
    """Print everything: each board, each network on it, and what it was measured on."""
    for board in bench["boards"]:
        config = board["configuration"]
        core = f"{config['rows']}x{config['columns']} {config['format']}"
        _show(f"{board['board']}: {core} on {board['device']}", board["figures"])
        for run in bench["runs"]:
            if run["board"] == board["board"]:
                _show_run(run, _network(bench, run["network"]))
    _show_computer(bench["computer"])
    _show_methods(bench["runs"])


def _network(bench: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(network for network in bench["networks"] if network["network"] == name)


def _show_run(run: Mapping[str, Any], network: Mapping[str, Any]) -> None:
    known = f", known as {network['known_as']} of MLPerf Tiny" if network["known_as"] else ""
    title = f"{run['network']} on {run['board']}{known}"
    if run["runs"]:
        _show(title, run["figures"])
        return
    say(f"{title}: does not run", style="bold red")
    for reason in counted_texts(run["reasons"]):
        say(f"  {reason}")
    say()


def _show(title: str, figures: Mapping[str, Any]) -> None:
    from accel.bench.figures import KINDS

    listing = table("figure", ">measured", "unit", ">anchor", "of", ">ratio", title=title)
    for key, figure in figures.items():
        kind = KINDS[key]
        measured = "-" if figure["value"] is None else with_spread(figure)
        cells = [kind.title, measured, kind.unit]
        anchors = figure["anchors"] if figure["value"] is not None else []
        for anchor in anchors or [None]:
            compared = ["", "", ""]
            if anchor:
                text, style = verdict(anchor)
                ratio = f"[{style}]{text}[/{style}]" if style else text
                compared = [amount(anchor["value"]), anchor["who"], ratio]
            listing.add_row(*cells, *compared[:2], _styled(compared[2]))
            cells = ["", "", ""]
    show(listing)
    for key, figure in figures.items():
        if key in _EXPLAINED or figure["value"] is None:
            say(f"  {KINDS[key].title}: {figure['how']}", style="dim")
    say()


def _styled(text: str) -> Any:
    from rich.text import Text

    return Text.from_markup(text)


def _show_computer(computer: Mapping[str, Any]) -> None:
    compiler = computer["compiler"] or "no C++ compiler"
    load = "" if computer["load"] is None else f", load {computer['load']:g} when it ended"
    say(f"Speeds of this computer: {computer['cores']} cores of {computer['cpu']}{load}")
    say(f"  Python {computer['python']}, NumPy {computer['numpy']}, {compiler}")


def _show_methods(runs: Any) -> None:
    from accel.bench.figures import KINDS

    told = {
        (KINDS[key].title, run["figures"][key]["how"]): None
        for key in _METHODS
        for run in runs
        if key in run["figures"] and run["figures"][key]["value"] is not None
    }
    for title, how in told:
        say(f"{title}: {how}")


def amount(value: float) -> str:
    """A number with three digits, or all before the point."""
    if value >= 100 or isinstance(value, int):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def with_spread(figure: Mapping[str, Any]) -> str:
    """A value and, of several, their range."""
    text = amount(figure["value"])
    if figure["samples"] > 1:
        text += f" ({amount(figure['min'])} to {amount(figure['max'])})"
    return text


def verdict(anchor: Mapping[str, Any]) -> tuple[str, str]:
    """How ours compares with an anchor, in words, and a style for it."""
    better = anchor["times_better"]
    if anchor["limit"]:
        share = anchor["ratio"] if better is None else better
        return ("" if share is None else f"{100 * share:.0f} % of it"), ""
    if better is None:
        return "", ""
    if abs(better - 1) < _NEAR:
        return "equal", ""
    if better > 1:
        return f"{amount(better)}x better", "green"
    return f"{amount(1 / better)}x worse", "red"
