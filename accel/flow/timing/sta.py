"""Static timing analysis: the longest paths from clock to clock of a routed design."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from accel.flow.timing.delays import Delays, Pin
from accel.flow.timing.paths import PathStep, TimedPath

CLOCK_PORTS = frozenset({"CLK", "CLOCK", "RCLK", "WCLK", "INPUT_CLK", "OUTPUT_CLK"})


def longest_paths(
    delays: Delays, *, count: int = 200, skew: bool = True
) -> dict[Pin, tuple[TimedPath, ...]]:
    """The longest path to each of the ``count`` worst end points, for every clock.

    The worst leaves the least of its clock period; a path from a rising edge to a falling one, or
    the other way round, has half a period.

    A clock is named by the pin that drives it. Paths between clocks, and from and to pins of the
    device, are ignored. With ``skew``, a path is longer if the clock reaches its start later than
    its end, and shorter the other way round, as in nextpnr; without, the clock arrives everywhere
    at once. Raises ``ValueError`` if the logic has a loop.
    """
    order = _in_order(delays)
    return {
        clock: tuple(_of_clock(delays, order, clock, count, skew))
        for clock in sorted(_clocks(delays))
    }


def clock_of(delays: Delays, cell: str, port: str) -> Pin | None:
    """The pin that drives a cell's clock port."""
    wire = delays.wires.get((cell, port))
    return wire[0] if wire else None


def _clocks(delays: Delays) -> set[Pin]:
    return {wire[0] for (_, port), wire in delays.wires.items() if port in CLOCK_PORTS}


def _of_clock(
    delays: Delays, order: list[Pin], clock: Pin, count: int, skew: bool
) -> Iterable[TimedPath]:
    paths = (
        path
        for falling in (False, True)
        for path in _from_edge(delays, order, clock, falling, count, skew)
    )
    return sorted(paths, key=lambda path: path.fmax_mhz)[:count]


def _from_edge(
    delays: Delays, order: list[Pin], clock: Pin, falling: bool, count: int, skew: bool
) -> Iterable[TimedPath]:
    # Latest arrival at every pin after the clock left its source, and the pin and the delay that it
    # comes from.
    arrival: dict[Pin, int] = {}
    origin: dict[Pin, tuple[Pin | None, int, bool]] = {}

    def arrive(pin: Pin, time: int, source: Pin, delay: int, is_routing: bool) -> None:
        if time > arrival.get(pin, -1):
            arrival[pin] = time
            origin[pin] = (source, delay, is_routing)

    for name, cell in delays.cells.items():
        for (start, end), delay in cell.arcs.items():
            if start not in CLOCK_PORTS or cell.launches_falling(start, end) != falling:
                continue
            if clock_of(delays, name, start) == clock:
                late = delays.wires[name, start][1] if skew else 0
                arrive((name, end), late + delay, (name, start), delay, False)
                origin[name, start] = (None, late, True)

    sinks: dict[Pin, list[tuple[Pin, int]]] = defaultdict(list)
    for sink, (source, delay) in delays.wires.items():
        sinks[source].append((sink, delay))
    for pin in order:
        if pin not in arrival:
            continue
        for sink, delay in sinks[pin]:
            arrive(sink, arrival[pin] + delay, pin, delay, True)
        name, port = pin
        for end, delay in _through(delays, name, port):
            arrive((name, end), arrival[pin] + delay, pin, delay, False)

    ends: list[tuple[float, Pin, int, int, float]] = []
    for name, cell in delays.cells.items():
        for (port, clock_port), setup in cell.setups.items():
            if (name, port) in arrival and clock_of(delays, name, clock_port) == clock:
                captured = delays.wires[name, clock_port][1] if skew else 0
                periods = 1.0 if ((port, clock_port) in cell.falling) == falling else 0.5
                period = (arrival[name, port] + setup - captured) / periods
                ends.append((period, (name, port), setup, captured, periods))
    ends.sort(reverse=True)
    for _, pin, setup, captured, periods in ends[:count]:
        yield _trace(origin, pin, setup, captured, periods)


def _trace(
    origin: Mapping[Pin, tuple[Pin | None, int, bool]],
    end: Pin,
    setup: int,
    captured: int,
    periods: float,
) -> TimedPath:
    steps = [PathStep(cell=end[0], port=end[1], delay_ns=setup / 1e3, is_routing=False)]
    pin: Pin | None = end
    while pin is not None:
        source, delay, is_routing = origin[pin]
        if source is None:
            delay -= captured
        cell, port = pin
        steps.append(PathStep(cell=cell, port=port, delay_ns=delay / 1e3, is_routing=is_routing))
        pin = source
    return TimedPath(steps=tuple(reversed(steps)), periods=periods)


def _in_order(delays: Delays) -> list[Pin]:
    """All pins, each after those that it depends on."""
    successors: dict[Pin, list[Pin]] = defaultdict(list)
    pending: dict[Pin, int] = defaultdict(int)
    for sink, (source, _) in delays.wires.items():
        successors[source].append(sink)
        pending[sink] += 1
        pending[source] += 0
    for name, cell in delays.cells.items():
        for start, end in cell.arcs:
            if start not in CLOCK_PORTS:
                successors[name, start].append((name, end))
                pending[name, end] += 1
                pending[name, start] += 0
    ready = [pin for pin, count in pending.items() if count == 0]
    order = []
    while ready:
        pin = ready.pop()
        order.append(pin)
        for successor in successors[pin]:
            pending[successor] -= 1
            if pending[successor] == 0:
                ready.append(successor)
    if len(order) != len(pending):
        stuck = next(pin for pin, count in pending.items() if count > 0)
        raise ValueError(f"Logic must have no combinational loop, and {stuck[0]!r} is on one")
    return order


def _through(delays: Delays, name: str, port: str) -> Iterator[tuple[str, int]]:
    cell = delays.cells.get(name)
    if cell is None:
        return
    for (start, end), delay in cell.arcs.items():
        if start == port and start not in CLOCK_PORTS:
            yield end, delay
