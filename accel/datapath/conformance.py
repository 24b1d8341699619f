"""Checks that a number format and a processing element do what they state, claim by claim."""

from collections.abc import Callable, Iterator

from accel.config import FAMILIES, AcceleratorConfig, InvalidConfiguration
from accel.core.pe import ELEMENTS, element_of, serving
from accel.errors import UserError
from accel.numeric.formats import FORMATS

from . import _format, _layers, _ports, _products, _proof
from ._claim import Claim, smallest

_SIZES = ((4, 8), (4, 4), (2, 2), (8, 8), (8, 4), (2, 8))
_LAYERED = ((2, 2), (2, 4), (4, 4))  # for whole layers, which take long in simulation
_BANK_WORDS = 1024  # small enough to be simulated at once


class NotConforming(AssertionError):
    """A format or an element is not what it states; the message names each claim that fails."""


_GRANTED = 3


def configurations(name: str, form: str | None = None) -> list[AcceleratorConfig]:
    """Cores with the number format or processing element ``name``, one for each family that
    matters.

    ``form`` is the number format, where an element serves several. Raises ``InvalidConfiguration``
    where there is neither, or where they do not go together.
    """
    if name not in ELEMENTS and name not in FORMATS:
        known = ", ".join(dict.fromkeys([*FORMATS, *ELEMENTS]))
        raise InvalidConfiguration(
            f"Number format or processing element must be one of {known}, not {name!r}"
        )
    if name in ELEMENTS:
        form = form or ELEMENTS[name].format or _served(name)
        element = name
    else:
        form, element = name, serving(AcceleratorConfig(format=name))[0]
    # An element that takes DSP cells as they are granted makes products of both kinds.
    cores = [
        AcceleratorConfig(format=form, element=element, family=family, dsps=_GRANTED)
        for family in FAMILIES
    ]
    sized = [_sized(config) for config in cores]
    has_cells = any(element_of(config).dsps(config) for config in sized)
    return sized if has_cells else sized[:1]


def _served(element: str) -> str:
    """The first number format that an element serves."""
    for form in FORMATS.builtin:
        if element in serving(AcceleratorConfig(format=form)):
            return form
    raise InvalidConfiguration(
        f"Processing element {element!r} serves none of {', '.join(FORMATS.builtin)}; say which "
        "format it is for"
    )


def _sized(config: AcceleratorConfig) -> AcceleratorConfig:
    """A core of the first size that the element serves."""
    problem: Exception | None = None
    for rows, columns in _SIZES:
        sized = config.replace(rows=rows, columns=columns, bank_words=_BANK_WORDS)
        try:
            element_of(sized)
            return sized
        except InvalidConfiguration as found:
            problem = problem or found
    assert problem
    raise problem


def check(
    name: str,
    form: str | None = None,
    *,
    layers: bool = True,
    progress: Callable[[str], None] = lambda text: None,
) -> list[Claim]:
    """Examine a number format or a processing element, and whichever of the two goes with it.

    Parameters
    ----------
    name
        Of a format or an element, built in or of an installed package.
    form
        The number format, where an element serves several; without it the first.
    layers
        Also whole layers, in RTL and on the machine, with all cycles.
    progress
        Called with what is examined next.

    A claim that fails says with which operands. Raises ``InvalidConfiguration`` and
    ``BrokenExtension``.
    """
    return list(_claims(configurations(name, form), layers, progress))


def _claims(
    configs: list[AcceleratorConfig], layers: bool, progress: Callable[[str], None]
) -> Iterator[Claim]:
    first = configs[0]
    progress(f"number format {first.format}")
    yield from _format.claims(first.number_format)
    progress(f"processing element {first.element}")
    ports = [_ports.claim(config) for config in configs]
    yield from ports
    if not all(claim.holds for claim in ports):
        return
    same = []
    for config in configs:
        progress(f"all products, family {config.family}")
        found = list(_products.claims(config))
        same += found
        yield from found
    if not all(claim.holds for claim in same):
        return
    progress("proof of the products")
    yield _proof.claim(smallest(first))
    if layers:
        progress("whole layers in RTL")
        yield from _layers.claims(smallest(first, _LAYERED))


def assert_conforms(name: str, form: str | None = None, *, layers: bool = True) -> None:
    """As `check`, for a test: raises ``NotConforming`` where a claim fails.

    >>> def test_my_element():
    ...     assert_conforms("my_element")
    """
    __tracebackhide__ = True
    try:
        claims = check(name, form, layers=layers)
    except UserError as problem:
        raise NotConforming(str(problem)) from problem
    wrong = [f"  {claim.what}: {claim.problem}" for claim in claims if not claim.holds]
    if wrong:
        raise NotConforming("\n".join([f"{name} is not what it states:", *wrong]))


__all__ = ["Claim", "NotConforming", "assert_conforms", "check", "configurations"]
