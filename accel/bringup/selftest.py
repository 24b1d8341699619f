"""The self-test: one step after the other, each of what those before it have shown to be right."""

from collections.abc import Callable, Collection, Iterator

from accel.config import BANKS, AcceleratorConfig
from accel.errors import UserError
from accel.host.driver import Driver
from accel.host.exchange import LinkError, Transport
from accel.host.flash import FlashRefused

from . import array_check, control_check, flash_check, identity_check, link_check, memory_march
from .array_check import check_array, check_requantizers
from .control_check import check_control
from .network_check import check_network
from .steps import Finding, Step, failed, impossible
from .tables_check import check_tables
from .weights_check import check_weights

Progress = Callable[[str, float], None]
"""Called with a step's name, and the share of it that is done."""

NAMES = (
    link_check.NAME,
    identity_check.NAME,
    memory_march.NAME,
    flash_check.NAME,
    control_check.NAME,
    array_check.REQUANTIZER,
    array_check.ARRAY,
    "weights",
    "tables",
    "network",
)
_NEEDS = {  # what a step says means nothing unless these have passed
    "identity": ("link",),
    "memory": ("link", "identity"),
    "flash": ("link", "identity"),
    "control": ("link", "identity", "memory"),
    "requantizer": ("link", "identity", "memory", "control"),
    "array": ("link", "identity", "memory", "control"),
    "weights": ("link", "identity", "memory", "control", "requantizer", "array"),
    "tables": ("link", "identity", "memory", "control", "requantizer"),
    "network": ("link", "identity", "memory"),
}


class NoSuchStep(UserError):
    """There is no step of that name."""


def selftest(
    config: AcceleratorConfig,
    transport: Transport,
    progress: Progress = lambda name, share: None,
    only: Collection[str] = (),
) -> Iterator[Step]:
    """The steps, each when it is done. What is in the core's memory is lost.

    With ``only`` the others are left out, and what they would show is taken for right; link and
    identity are always tested. Raises ``NoSuchStep``.
    """
    for name in only:
        if name not in NAMES:
            raise NoSuchStep(f"Step must be one of {', '.join(NAMES)}, not {name!r}")
    driver, done = Driver(transport, config), dict[str, Step]()
    for name in NAMES:
        if only and name not in {*only, link_check.NAME, identity_check.NAME}:
            continue
        progress(name, 0.0)
        step = _blocked(name, done) or _guarded(name, driver, progress)
        done[name] = step
        yield step


def _blocked(name: str, done: dict[str, Step]) -> Step | None:
    """Why a step would say nothing, if it would not."""
    missing = [need for need in _NEEDS.get(name, ()) if need in done and not done[need].passed]
    if name == "weights" and missing == ["array"] and _only_columns(done["array"]):
        return None  # the weights may be why, and this step then says which
    return impossible(name, f"needs {', '.join(missing)}, see above") if missing else None


def _only_columns(step: Step) -> bool:
    return all("column" in place and "row" not in place for place in step.places)


def _guarded(name: str, driver: Driver, progress: Progress) -> Step:
    """A step; a core that falls silent meanwhile fails it."""
    try:
        return _step(name, driver, progress)
    except FlashRefused as problem:
        return impossible(name, str(problem))
    except LinkError as problem:
        look = "what the step before has left, and the link: try again after a reset of the board"
        return failed(name, [Finding(said=str(problem), look=look, place={"link": "silent"})])


def _step(name: str, driver: Driver, progress: Progress) -> Step:
    config, transport = driver.config, driver.exchange.transport
    if name == link_check.NAME:
        return link_check.check_link(driver)
    if name == identity_check.NAME:
        step = identity_check.check_identity(driver)
        if step.passed:
            driver.connect()  # the line's fastest rate from here on
        return step
    if name == memory_march.NAME:
        words = BANKS * memory_march.PASSES * config.bank_words
        return memory_march.check_memory(driver, lambda done: progress(name, done / words))
    if name == flash_check.NAME:
        return flash_check.check_flash(driver)
    checks = {
        control_check.NAME: check_control,
        array_check.REQUANTIZER: check_requantizers,
        array_check.ARRAY: check_array,
        "weights": check_weights,
        "tables": check_tables,
        "network": check_network,
    }
    return checks[name](config, transport)
