"""Compiles a network: the pipeline is tried with one choice after another until a program fits."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count, product

from ..config import AcceleratorConfig
from ..errors import UserError
from .diagnostics import CannotCompile, DoesNotFit, Reason
from .ir.graph import Graph
from .pipeline import Compilation, NoOtherOrder, run_passes
from .program.program import CoreProgram

BAND_ROOMS = (1.0, 0.8, 0.6, 0.4)
"""Shares of the banks that are tried for tensors in row bands, beside a program in memory."""


def compile_graph(
    graph: Graph,
    config: AcceleratorConfig,
    *,
    fuse: bool = True,
    exact: bool = False,
    watch: Callable[[str, Compilation], None] | None = None,
) -> CoreProgram:
    """Compile a verified graph for a configuration; ``fuse`` and ``exact`` as in `Compilation`.

    Orders of its nodes are tried until one gives a program that fits into memory. Where none does,
    the program with the fewest bytes in flash is taken. ``watch`` is that of `run_passes`.

    Raises ``CannotCompile`` with all reasons, or ``DoesNotFit`` where memory is too small.
    """
    begun = Compilation(source=graph, graph=graph, config=config, fuse=fuse, exact=exact)
    try:
        if begun.multiplies:
            try:
                return _first_that_fits(begun, watch)
            except (CannotCompile, DoesNotFit):
                begun = begun.replace(products=False)  # the driver has room for them
        try:
            return _first_that_fits(begun, watch)
        except (CannotCompile, DoesNotFit) as error:
            return _in_less_memory(begun, error, watch)
    except (CannotCompile, DoesNotFit) as error:
        if graph.mixing:
            raise _of_whole_batch(error, graph) from error
        raise


def _in_less_memory(
    begun: Compilation,
    error: CannotCompile | DoesNotFit,
    watch: Callable[[str, Compilation], None] | None,
) -> CoreProgram:
    """The program with dense inputs, and if need be with layers in row bands or an input that
    arrives in them, where memory is in the way without.

    Raises what remains in the way, or the ``error`` without these.
    """
    reasons = getattr(error, "reasons", error.args[:1])
    kinds = {reason.limit.kind for reason in reasons if getattr(reason, "limit", None)}
    if not kinds & {"bank", "activations", "memory"}:
        raise error
    least: CannotCompile | DoesNotFit = error
    # What tensors do not take is left to the program; a core with a flash needs nothing of it.
    rooms = (1.0,) if begun.config.flash_lanes else BAND_ROOMS
    for arriving, room in [(False, 0.0), *product((False, True), rooms)]:
        try:
            smaller = begun.replace(dense=True, band_room=room, arriving=arriving)
            return _first_that_fits(smaller, watch)
        except DoesNotFit:
            continue
        except CannotCompile as remaining:
            if len(remaining.reasons) < len(getattr(least, "reasons", (error,))):
                least = remaining
    raise least from None


def _of_whole_batch(error: CannotCompile | DoesNotFit, graph: Graph) -> UserError:
    """The same error of a network that runs a whole batch at once, and why it does."""
    why = f"a whole batch is one sample, since {graph.mixing}"
    if isinstance(error, CannotCompile):
        remedy = "export it for a batch of 1"
        return CannotCompile(
            error.model, [Reason(place="", what=why, remedy=remedy), *error.reasons]
        )
    reason = error.args[0]
    if not isinstance(reason, Reason):
        return DoesNotFit(f"{reason}; {why}")
    return DoesNotFit(replace(reason, why="; ".join(filter(None, (reason.why, why)))))


def _first_that_fits(
    begun: Compilation, watch: Callable[[str, Compilation], None] | None
) -> CoreProgram:
    """The program of the first order of nodes that fits, or of the fewest bytes in flash."""
    failure: DoesNotFit | None = None
    streamed: list[CoreProgram] = []
    for order in count():
        try:
            program = run_passes(begun.replace(order=order), watch=watch).program()
        except NoOtherOrder:
            break
        except DoesNotFit as error:
            failure = failure or error
            continue
        if not program.memory.flash_bytes:
            return program
        streamed.append(program)
    if streamed:
        return min(streamed, key=lambda program: program.memory.flash_bytes)
    assert failure is not None
    raise failure
