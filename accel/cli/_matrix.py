"""Answers of ``accel check`` for many networks and boards: what runs where, or all reasons."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from accel.cli._output import say, show, table

_ABREAST = 5  # networks in a table, so that it can be read


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether a network runs on a board's core; ``cycles`` of one inference, or the ``reasons``."""

    model: str
    contract: str | None
    board: str
    configuration: dict[str, Any]
    runs: bool
    cycles: int | None
    milliseconds: float | None
    reasons: tuple[str, ...]

    @property
    def short(self) -> str:
        if self.milliseconds is not None:
            return f"{self.milliseconds:.2f} ms"
        return f"{len(self.reasons)} reason{'s' * (len(self.reasons) > 1)}"


def answers(
    model: Path, asked: Iterable[tuple[Any, Any]], contract: str | None, **options: bool
) -> list[Answer]:
    """The answer for each ``(board, configuration)``; a network is compiled once for each core."""
    from accel.compiler.frontends import UnsupportedModel, load
    from accel.target import resources

    asked = list(asked)
    unusable: list[str] = []
    graph, known = None, {}
    try:
        graph = load(model, contract)
    except UnsupportedModel as problem:
        unusable = [str(reason) for reason in problem.reasons]
    found = []
    for board, config in asked:
        if graph is not None and config not in known:
            known[config] = _compiled(graph, config, **options)
        cycles, reasons = known.get(config, (None, unusable))
        reasons = (*resources.problems(config, board), *reasons)
        runs = not reasons
        found.append(
            Answer(
                model=str(model),
                contract=graph.contract if graph else contract,
                board=board.name,
                configuration=config.as_dict(),
                runs=runs,
                cycles=cycles if runs else None,
                milliseconds=round(cycles / board.clock.made_mhz / 1e3, 4) if runs else None,
                reasons=reasons,
            )
        )
    return found


def _compiled(graph: Any, config: Any, **options: bool) -> tuple[int | None, list[str]]:
    """Cycles of an inference, or all reasons."""
    import accel
    from accel.compiler.reports.blockers import blockers
    from accel.config import InvalidConfiguration
    from accel.errors import UserError

    try:
        program = accel.compile(graph, config=config, **options)
    except InvalidConfiguration:
        return None, []  # is among the problems of every board
    except UserError as problem:
        return None, [str(reason) for reason in blockers(problem, graph, config)]
    return program.report().cycles, []


def as_json(found: Sequence[Answer]) -> list[dict[str, Any]]:
    """What ``accel check --json`` writes: an entry for each network and board."""
    return [asdict(answer) for answer in found]


def show_matrix(found: Sequence[Answer]) -> None:
    """Boards by networks, and after it the reasons, once for all boards that have the same."""
    models = list(dict.fromkeys(answer.model for answer in found))
    boards = list(dict.fromkeys(answer.board for answer in found))
    by_place = {(answer.model, answer.board): answer for answer in found}
    for start in range(0, len(models), _ABREAST):
        some = models[start : start + _ABREAST]
        listing = table("board", *(f">{Path(model).name}" for model in some))
        for board in boards:
            listing.add_row(board, *(by_place[model, board].short for model in some))
        show(listing)
    for model in models:
        alike: dict[tuple[str, ...], list[str]] = {}
        for board in boards:
            answer = by_place[model, board]
            if not answer.runs:
                alike.setdefault(answer.reasons, []).append(board)
        for reasons, where in alike.items():
            everywhere = "any board" if where == boards else ", ".join(where)
            say(f"{Path(model).name} does not run on {everywhere}:")
            for reason in reasons:
                say(f"  {reason}")
