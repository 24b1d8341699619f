"""A core that a board has room for, near one that it has none for: without a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from accel.boards import BOARDS, Board
from accel.config import AcceleratorConfig, InvalidConfiguration
from accel.estimate import model as logic
from accel.explore.fit.result import options_of
from accel.explore.fit.shapes import shapes
from accel.explore.fit.sizes import largest_buffer
from accel.target import resources


def core_remedy(board: Board, asked: AcceleratorConfig, command: str = "accel build") -> str:
    """The lines that end a refusal of a core: the nearest one that fits, and who has the one asked
    for; both have been held to the board's resources and the estimated logic."""
    lines = []
    larger = board_for(board, asked)
    if larger:
        lines.append(f"{larger.name} has room for this core")
    nearest = nearest_core(board, asked)
    if nearest is None:
        return "\n".join(
            [*lines, f"No core of {asked.format} and {asked.element} fits {board.name}"]
        )
    size = f"{nearest.rows}x{nearest.columns}"
    lines.append(f"The nearest core that fits {board.name} is {size}:")
    words = " ".join([command, "--board", board.name, *options_of(nearest, board)])
    return "\n".join([*lines, words + " -o build" * (command == "accel build")])


@contextmanager
def advised_core(
    board: Board, asked: AcceleratorConfig, command: str = "accel build"
) -> Iterator[None]:
    """What is refused for size within is told with a core that fits."""
    try:
        yield
    except resources.TooLarge as problem:
        problem.advice = problem.advice or partial(core_remedy, board, asked, command)
        raise


def nearest_core(board: Board, asked: AcceleratorConfig) -> AcceleratorConfig | None:
    """The configuration of a board that differs least from one that it has no room for.

    The array comes first, then the buffer and the banks, which are made smaller as far as need be.
    """
    found = [config for shape in shapes(board, asked) if (config := _shrunk(shape, board))]

    def distance(config: AcceleratorConfig) -> tuple[float, ...]:
        sides = ((config.rows, asked.rows), (config.columns, asked.columns))
        apart = sum(max(a, b) / min(a, b) for a, b in sides)
        was, now = asked.as_dict(), config.as_dict()
        changes = sum(was[name] != now[name] for name in was)
        return apart, changes, -config.bank_words, -config.weight_steps

    return min(found, key=distance, default=None)


def board_for(board: Board, asked: AcceleratorConfig) -> Board | None:
    """The smallest other board with room for a core of these sizes."""
    for other in sorted(BOARDS.values(), key=lambda one: one.resources.get("LUT", 0)):
        alike = other.name != board.name and other.family == board.family
        if alike and not resources.problems(asked, other) and _logic_does(asked, other):
            return other
    return None


def _shrunk(shape: AcceleratorConfig, board: Board) -> AcceleratorConfig | None:
    """The shape with a buffer and banks that the board has, if any will do."""
    bare = replace(shape, bank_words=resources.LEAST_BANK)
    try:
        most = largest_buffer(bare, board)
    except InvalidConfiguration:
        return None
    if not most:
        return None
    steps = min(shape.weight_steps, most)
    for part in (1, 2, 4, 8):  # of the buffer, to leave room for the banks
        unit = 2 * shape.steps_per_weight_row
        config = replace(
            bare, weight_steps=max(unit * -(-16 // unit), steps // part // unit * unit)
        )
        bank = min(shape.bank_words, resources.largest_bank(config, board))
        if bank >= min(shape.bank_words, 2 * resources.LEAST_BANK):
            config = replace(config, bank_words=bank)
            if not resources.problems(config, board) and _logic_does(config, board):
                return config
    return None


def _logic_does(config: AcceleratorConfig, board: Board) -> bool:
    try:
        return logic.estimate(config, board).fits
    except logic.NotEstimated:
        return True
