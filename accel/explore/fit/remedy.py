"""The end of every refusal for size: a configuration that was tried, or that there is none."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from accel.boards import BOARDS, Board
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.ir.graph import Graph
from accel.config import AcceleratorConfig, InvalidConfiguration
from accel.errors import UserError, plain
from accel.explore.fit.demand import Demand
from accel.explore.fit.result import Fit
from accel.explore.fit.search import CPU_SECONDS, UNTRIED, fit
from accel.explore.fit.sizes import required
from accel.target import resources

_MOST_STREAMED = 2 << 20  # bytes of a program, up to which it is compiled for a message


def remedy(
    graph: Graph,
    board: Board | None,
    asked: AcceleratorConfig,
    *,
    fuse: bool = True,
    exact: bool = False,
    source: str | None = None,
    options: Iterable[str] = (),
) -> str:
    """What to do instead, in one line or two; the last one is a command that has been compiled.

    ``asked`` is the configuration that was refused: its format and element are kept. Of a
    configuration without a board, its array is kept as well.
    """
    if board is None:
        return _without_board(graph, asked, fuse, exact)
    how = Remedies(graph, fuse=fuse, exact=exact, source=source, options=tuple(options))
    return "\n".join(how.of(board, asked))


class Remedies:
    """Remedies for one network on several boards: what was found for one serves the others."""

    def __init__(
        self,
        graph: Graph,
        *,
        fuse: bool = True,
        exact: bool = False,
        source: str | None = None,
        options: tuple[str, ...] = (),
        cpu_seconds: float = CPU_SECONDS,
    ):
        self.graph, self.fuse, self.exact = graph, fuse, exact
        self.source, self.options, self.cpu_seconds = source, options, cpu_seconds
        self._demands: dict[str, Demand] = {}
        self._found: dict[tuple[object, ...], Fit] = {}

    def of(self, board: Board, asked: AcceleratorConfig, elsewhere: bool = True) -> list[str]:
        """The lines for a board; the last one is a command, unless no board runs the network.

        Without ``elsewhere`` no other board is looked for: it is known that one runs it.
        """
        try:
            found = self.fit(board, asked)
            if found.command:
                return [f"With other options {board.name} runs it{_tried(found)}:", found.command]
            if found.certificate and found.certificate.kind == UNTRIED:
                what = f"{found.certificate.what}, which takes minutes to compile"
                search = f"accel fit {self.source or 'MODEL'} --board {board.name}"
                return [f"{board.name} may run it, {what} and was not tried here:", search]
            none = f"No configuration of {board.name} runs it: {found.certificate}"
            if not elsewhere:
                return [none]
            other = self.elsewhere(board, asked)
        except CannotCompile as problem:
            return [f"No other size of the core helps: {plain(problem)}"]
        if other is None:
            return [f"{none}; nor does one of any other board"]
        return [none, f"{other.board.name} runs it{_tried(other)}:", str(other.command)]

    def fit(self, board: Board, asked: AcceleratorConfig) -> Fit:
        """What was found for a board. Raises ``CannotCompile`` for what is no matter of size."""
        key = self._key(board, asked)
        if key not in self._found:
            demand = self._demands.setdefault(
                asked.format, Demand(self.graph, asked.format, self.fuse)
            )
            self._found[key] = fit(
                self.graph,
                board,
                asked=asked,
                exact=self.exact,
                source=self.source,
                options=self.options,
                cpu_seconds=self.cpu_seconds,
                most_streamed=_MOST_STREAMED,
                demand=demand,
            )
        return replace(self._found[key], board=board)

    def knows(self, board: Board, asked: AcceleratorConfig) -> bool:
        """Whether a board of this kind and clock was searched."""
        return self._key(board, asked) in self._found

    def _key(self, board: Board, asked: AcceleratorConfig) -> tuple[object, ...]:
        return kind_of(board), board.clock.made_mhz, resources.configure(board), asked

    def elsewhere(self, board: Board, asked: AcceleratorConfig) -> Fit | None:
        """The smallest other board that has a configuration for the network."""
        default = resources.configure(board)
        kinds = {
            name: value
            for name, value in (("format", asked.format), ("element", asked.element))
            if value != getattr(default, name)
        }
        for other in _others(board):
            try:
                found = self.fit(other, resources.configure(other, **kinds))
            except InvalidConfiguration:
                continue
            if found.runs:
                return found
        return None


def _tried(found: Fit) -> str:
    assert found.best is not None, "asked of what was found only"
    return f", compiled just now: {found.best.cycles:,} cycles an inference, {found.timing}"


def _others(board: Board) -> Iterator[Board]:
    """One board of each FPGA other than this one's, the smallest first."""
    known = {kind_of(board)}
    for other in sorted(BOARDS.values(), key=_size):
        if kind_of(other) not in known:
            known.add(kind_of(other))
            yield other


def kind_of(board: Board) -> tuple[object, ...]:
    """What boards have in common on which the same configurations are possible."""
    wired = board.flash.data_lines if board.flash else ()
    return board.family, tuple(sorted(board.resources.items())), tuple(wired)


def _size(board: Board) -> tuple[int, int]:
    cells = board.resources.get("LUT", board.resources.get("LC", 0))
    return cells, -max(board.flash.data_lines, default=0) if board.flash else 0


def _without_board(graph: Graph, asked: AcceleratorConfig, fuse: bool, exact: bool) -> str:
    """For a configuration of one's own: its buffers and banks as large as the network needs."""
    config = None
    try:
        config = required(asked, Demand(graph, asked.format, fuse))
        if config is not None:
            compile_graph(graph, config, fuse=fuse, exact=exact)
    except UserError as problem:
        return f"No larger buffers or banks help: {plain(problem)}"
    if config is None:
        return (
            f"No larger buffers or banks help a {asked.rows}x{asked.columns} core; "
            "accel.fit(graph, board=NAME) tries other arrays"
        )
    was = asked.as_dict()
    changes = [f"{k}={v!r}" for k, v in config.as_dict().items() if was[k] != v]
    return f"With larger sizes it runs, compiled just now:\nconfig.replace({', '.join(changes)})"
