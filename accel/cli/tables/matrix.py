"""Answers of ``accel check``: which networks run on which boards, or all that stands in the way."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel.cli._output import console, say, show
from accel.cli.tables import reasons
from accel.cli.tables.listing import name, table

if TYPE_CHECKING:
    from accel.api import Program
    from accel.boards import Board
    from accel.cli.options.groups import Subject
    from accel.compiler.diagnostics import Reason
    from accel.compiler.frontends import Choices
    from accel.compiler.ir.graph import Graph
    from accel.config import AcceleratorConfig
    from accel.explore.fit.remedy import Remedies
    from accel.host.timing.line import Crossing

_CPU_SECONDS = 15.0  # that remedies are looked for, for all boards of a network
_LINES = 12  # of reasons for each group of boards
_NOTE = (
    "core, link: milliseconds of one inference at the board's clock and serial rate, USB as "
    "modelled; /s: inferences a second, of many"
)
_GRID_NOTE = "ms: of one inference at the board's own clock, with the link at its fastest rate"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether a network runs on a board's core; ``cycles`` of one inference, or the ``reasons``.

    ``milliseconds`` are the core's work alone, ``link_ms`` what the board's link adds to it where
    samples come one at a time, ``latency_ms`` both, and ``throughput`` inferences a second of many.
    ``memory`` is the share of the core's memory that is taken, 0 to 1; ``crossings`` are what the
    driver computes between runs of the core, as a report has them, and ``crossings_ms`` what the
    link takes there. ``details`` are the reasons
    in their parts. ``remedy`` are the lines that end a refusal for size: what was tried, and a
    command. ``states`` are what outlives an inference, in memory.
    """

    model: str
    contract: str | None
    board: str
    configuration: dict[str, Any]
    runs: bool
    cycles: int | None
    milliseconds: float | None
    reasons: tuple[str, ...]
    latency_ms: float | None = None
    link_ms: float | None = None
    throughput: float | None = None
    memory: float | None = None
    details: "tuple[Reason, ...]" = field(default=(), repr=False)
    remedy: tuple[str, ...] = ()
    crossings: tuple[dict[str, Any], ...] = ()
    states: tuple[dict[str, Any], ...] = ()
    crossings_ms: tuple[float, ...] = ()

    @property
    def core(self) -> str:
        config = self.configuration
        return f"{config['rows']}x{config['columns']} {config['format']}"

    @property
    def of_size(self) -> bool:
        """Whether all that is in the way is a matter of size."""
        return bool(self.details) and all(reason.limit for reason in self.details)

    @property
    def short(self) -> str:
        if self.latency_ms is not None:
            return f"{self.latency_ms:.2f} ms"
        return f"{len(self.reasons)} reason{'s' * (len(self.reasons) > 1)}"


@dataclass(frozen=True, kw_only=True)
class _Compiled:
    """What a core has to say of a network, whatever the board."""

    cycles: int = 0
    memory: float = 0.0
    reasons: "tuple[Reason, ...]" = ()
    program: "Program | None" = None
    crossings: "tuple[Crossing, ...]" = ()


def answers(
    model: Path,
    asked: "Iterable[Subject]",
    contract: str | None,
    signature: str | None = None,
    input_quant: Sequence[str] | None = None,
    state: Sequence[str] | None = None,
    host: bool = True,
    **options: Any,
) -> list[Answer]:
    """The answer for each ``(board, configuration)``; a network is compiled once for each core.

    ``options`` are those of `accel.compile`.
    """
    from accel.compiler.frontends import Choices, UnsupportedModel, load

    choices = Choices(
        signature=signature,
        input_quant=tuple(input_quant or ()),
        state=tuple(state or ()),
        host=host,
    )
    try:
        graph = load(model, contract, choices)
    except UnsupportedModel as problem:
        unusable = _Compiled(reasons=tuple(problem.reasons))
        return [_answer(str(model), contract, board, config, unusable) for board, config in asked]
    known: dict[AcceleratorConfig, _Compiled] = {}
    found = []
    for board, config in asked:
        if config not in known:
            program, reasons = compiled(graph, config, **options)
            known[config] = _summary(program, reasons)
            if program is not None:
                program.close()
        found.append(_answer(str(model), graph.contract, board, config, known[config]))
    boards = [board for board, _ in asked]
    if any(answer.of_size for answer in found):
        return with_remedies(
            found, boards, remedies(graph, str(model), contract, choices, **options)
        )
    return found


def remedies(
    graph: "Graph",
    model: str,
    contract: str | None,
    choices: "Choices",
    fuse: bool = True,
    exact: bool = False,
) -> "Remedies":
    """The search for what to do instead, for a network that was compiled like this."""
    from accel.api import command_words
    from accel.explore.fit.remedy import Remedies

    words = tuple(command_words(contract, choices, fuse, exact))
    return Remedies(graph, fuse=fuse, exact=exact, source=model, options=words)


def with_remedies(
    found: "Sequence[Answer]", boards: "Sequence[Board]", search: "Remedies"
) -> list[Answer]:
    """The answers with what was tried for those that are refused for size alone.

    Boards are searched as long as `_CPU_SECONDS` of the processor last.
    """
    from accel.config import AcceleratorConfig

    end, runs = time.process_time() + _CPU_SECONDS, any(one.runs for one in found)
    told = []
    for answer, board in zip(found, boards, strict=True):
        lines: tuple[str, ...] = ()
        if answer.of_size:
            config = AcceleratorConfig(**answer.configuration)
            if search.knows(board, config) or time.process_time() < end:
                lines = tuple(search.of(board, config, elsewhere=not runs))
                runs = runs or any(line.startswith("accel ") for line in lines)
            else:
                lines = (f"No time was left to try: accel fit {answer.model} -b {board.name}",)
        told.append(replace(answer, remedy=lines))
    return told


def answer_of(
    model: str,
    graph: "Graph",
    board: "Board",
    config: "AcceleratorConfig",
    found: "tuple[Program | None, tuple[Reason, ...]]",
) -> Answer:
    """The answer for one board from what `compiled` gave for its core."""
    return _answer(model, graph.contract, board, config, _summary(*found))


def compiled(
    graph: "Graph", config: "AcceleratorConfig", **options: Any
) -> "tuple[Program | None, tuple[Reason, ...]]":
    """The program of a network for a core, or all reasons why there is none.

    An element that does not serve the number format is no reason here: it is one of the board's.
    """
    import accel
    from accel.compiler.reports.blockers import blockers
    from accel.config import InvalidConfiguration
    from accel.errors import UserError

    try:
        return accel.compile(graph, config=config, **options), ()
    except InvalidConfiguration:
        return None, ()
    except UserError as problem:
        return None, tuple(blockers(problem, graph, config))


def _summary(program: "Program | None", reasons: "tuple[Reason, ...]") -> _Compiled:
    if program is None:
        return _Compiled(reasons=reasons)
    used = program.code.memory.used_words
    memory = sum(used) / (len(used) * program.config.bank_words)
    report = program.report()
    cycles, crossings = report.cycles, report.crossings
    return _Compiled(cycles=cycles, memory=memory, program=program, crossings=crossings)


def _answer(
    model: str,
    contract: str | None,
    board: "Board",
    config: "AcceleratorConfig",
    core: _Compiled,
) -> Answer:
    from accel.compiler.diagnostics import Limit, Reason, grouped
    from accel.target import resources

    limit = Limit(kind="device")
    ours = tuple(
        Reason(place="", what=text, limit=limit) for text in resources.problems(config, board)
    )
    reasons = (*ours, *core.reasons)
    runs = not reasons
    timing = core.program.timing(board) if runs and core.program else None
    return Answer(
        model=model,
        contract=contract,
        board=board.name,
        configuration=config.as_dict(),
        runs=runs,
        cycles=core.cycles if runs else None,
        milliseconds=round(core.cycles / board.clock.made_mhz / 1e3, 4) if runs else None,
        latency_ms=round(timing.latency_ms, 4) if timing else None,
        link_ms=round(timing.link_ms, 4) if timing else None,
        throughput=round(timing.throughput, 4) if timing else None,
        memory=round(core.memory, 4) if runs else None,
        reasons=tuple(map(str, grouped(reasons))),
        details=reasons,
        crossings=tuple(one.as_dict() for one in core.crossings),
        states=tuple(one.as_dict() for one in core.program.states) if runs and core.program else (),
        crossings_ms=tuple(round(one, 4) for one in timing.crossings_ms) if timing else (),
    )


def as_json(found: Sequence[Answer]) -> list[dict[str, Any]]:
    """What ``accel check --json`` writes: an entry for each network and board."""
    return [
        {key: value for key, value in asdict(answer).items() if key != "details"}
        for answer in found
    ]


def show_matrix(found: Sequence[Answer]) -> None:
    """What runs where, and below it the reasons, once for all boards that have the same.

    Of one network, or on one board, a row has all figures; otherwise boards are set out against
    networks.
    """
    models = list(dict.fromkeys(answer.model for answer in found))
    boards = list(dict.fromkeys(answer.board for answer in found))
    if len(models) == 1:
        _show_rows(found, "board", {answer.board: answer for answer in found}, Path(models[0]).name)
    elif len(boards) == 1:
        rows = {Path(answer.model).name: answer for answer in found}
        _show_rows(found, "network", rows, boards[0])
    else:
        _show_grid(found, models, boards)
    for model in models:
        _show_reasons([answer for answer in found if answer.model == model])


def _show_rows(found: Sequence[Answer], what: str, rows: Mapping[str, Answer], title: str) -> None:
    figures = ("cycles", "core", "link", "/s")
    listing = table(what, "core", "runs", *(f">{figure}" for figure in figures), title=title)
    for first, answer in rows.items():
        cells = _figures(answer) if answer.runs else [""] * len(figures)
        runs = "yes" if answer.runs else answer.short
        style = None if answer.runs else "red"
        listing.add_row(name(first), name(answer.core), name(runs), *cells, style=style)
    show(listing)
    if any(answer.runs for answer in found):
        say(_NOTE, style="dim")


def _figures(answer: Answer) -> list[str]:
    """The columns of a network that runs."""
    from accel.host.timing.inference import in_digits

    times = (answer.milliseconds or 0, answer.link_ms or 0, answer.throughput or 0)
    return [f"{answer.cycles:,}", *map(in_digits, times)]


def _show_grid(found: Sequence[Answer], models: Sequence[str], boards: Sequence[str]) -> None:
    """Boards against networks, in as many tables as the networks' names need."""
    by_place = {(answer.model, answer.board): answer for answer in found}
    waiting = list(models)
    while waiting:
        for count in range(len(waiting), 0, -1):
            listing = table("board")
            for model in waiting[:count]:
                listing.add_column(name(Path(model).name), justify="right")
            for board in boards:
                cells = (by_place[model, board].short for model in waiting[:count])
                listing.add_row(name(board), *map(name, cells))
            screen = console()
            if listing.fit(screen) <= screen.width or count == 1:
                break
        show(listing)
        del waiting[:count]
    if any(answer.runs for answer in found):
        say(_GRID_NOTE, style="dim")


def _show_reasons(found: Sequence[Answer]) -> None:
    """Why a network does not run: the boards whose reasons and remedies are alike together."""
    alike: dict[Any, list[Answer]] = {}
    hidden: Answer | None = None
    for answer in found:
        if not answer.runs:
            # Of two clocks the same command takes other times.
            lines = [line for line in answer.remedy if not line.endswith(":")]
            remedy = tuple(line.replace(answer.board, "") for line in lines)
            key: Any = remedy or reasons.kinds(_others(answer) or answer.details)
            alike.setdefault(key, []).append(answer)
    for group in alike.values():
        first = group[0]
        where = "any board" if len(group) == len(found) else ", ".join(a.board for a in group)
        say(f"{Path(first.model).name} does not run on {where}:")
        lines = [*_binding(first), *map(str, reasons.counted(_others(first)))]
        for line in (*lines[:_LINES], *first.remedy):
            say(f"  {line}")
        hidden = hidden or (first if len(first.details) > len(lines[:_LINES]) else None)
    if hidden:
        say(f"All reasons: accel check {hidden.model} --board {hidden.board}", style="dim")


def _binding(answer: Answer) -> list[str]:
    """What of a core is exceeded most, and how much else is too large."""
    sizes = [reason for reason in answer.details if reason.limit]
    if not sizes:
        return []
    worst = max(sizes, key=lambda reason: reason.limit.excess if reason.limit else 0.0)
    more = f" (and {len(sizes) - 1} more that {_are(len(sizes) - 1)} too large)"
    return [f"{worst}{more * (len(sizes) > 1)}"]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _others(answer: Answer) -> "list[Reason]":
    return [reason for reason in answer.details if not reason.limit]
