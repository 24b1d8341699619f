"""An order of statements in which each reads the right values and few copies are needed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def ordered(
    items: Sequence[T],
    after: Callable[[T], Iterable[T]],
    rather_after: Callable[[T], Iterable[T]],
) -> list[T]:
    """All items, each after those of ``after``, and if possible after those of ``rather_after``.

    An item comes just before the first that needs it. ``after`` must have no cycle.
    """
    ancestors = _ancestors(items, after)
    numbers = {item: 1 << index for index, item in enumerate(items)}
    begun: set[T] = set()
    result: list[T] = []
    waiting = 0  # items on the stack, a bit each

    def wanted(item: T) -> Iterator[T]:
        for other in rather_after(item):
            if not ancestors[other] & waiting:
                yield other
        yield from after(item)

    for root in items:
        stack: list[tuple[T, Iterator[T]]] = []
        following: T | None = root
        while following is not None or stack:
            if following is not None and following not in begun:
                begun.add(following)
                waiting |= numbers[following]
                stack.append((following, wanted(following)))
            if not stack:
                break
            item, others = stack[-1]
            following = next(others, None)
            if following is None:
                stack.pop()
                waiting &= ~numbers[item]
                result.append(item)
    return result


def _ancestors(items: Sequence[T], after: Callable[[T], Iterable[T]]) -> Mapping[T, int]:
    """For each item, itself and everything that it must come after, a bit each."""
    found: dict[T, int] = {}
    numbers = {item: 1 << index for index, item in enumerate(items)}
    for root in items:
        stack = [root]
        while stack:
            item = stack[-1]
            missing = [other for other in after(item) if other not in found]
            if item in found:
                stack.pop()
            elif missing:
                stack += missing
            else:
                stack.pop()
                found[item] = numbers[item]
                for other in after(item):
                    found[item] |= found[other]
    return found
