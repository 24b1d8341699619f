"""A file found in a folder *is* the registration of what it defines, and so is an entry point of an
installed package."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from .errors import UserError


class BrokenExtension(UserError):
    """An entry point of an installed package cannot be used; the message says which and why."""


class Discovered(Mapping[str, Any]):
    """What each public module of a package defines under one name, keyed by module name.

    The names are known at once; a module is imported when its value is asked for, because some are
    slow to import and few are needed in one process. Asking raises ``TypeError`` where a module
    does not define the value.
    """

    def __init__(self, package: ModuleType, attribute: str):
        self._package = package.__name__
        self._attribute = attribute
        found = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
        self._names = {name: None for name in found if not name.startswith("_")}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        module = importlib.import_module(f"{self._package}.{name}")
        if not hasattr(module, self._attribute):
            raise TypeError(f"Module {module.__name__!r} must define {self._attribute!r}")
        return getattr(module, self._attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def discover(package: ModuleType, attribute: str) -> Mapping[str, Any]:
    """Every public module's ``attribute``, by module name."""
    return Discovered(package, attribute)


class Registry(Mapping[str, Any]):
    """What is built in and what installed packages add, by name; ours comes first.

    Entry points are searched for when a name is not built in, and imported when it is asked for: a
    broken one affects nobody else.

    Parameters
    ----------
    what
        For people, as ``number format``.
    builtin
        Ours, by name.
    group
        Of the entry points.
    accept
        Called with what an entry point holds; returns it as the registry has it, or raises
        ``TypeError`` or a ``UserError``.
    """

    def __init__(
        self, what: str, builtin: Mapping[str, Any], group: str, accept: Callable[[Any], Any]
    ):
        self.what = what
        self.builtin = builtin
        self.group = group
        self._accept = accept
        self._found: dict[tuple[str, ...], dict[str, list[EntryPoint]]] = {}
        self._loaded: dict[EntryPoint, Any] = {}

    def extensions(self) -> Mapping[str, list[EntryPoint]]:
        """The entry points of each name that is not built in."""
        path = tuple(sys.path)
        if path not in self._found:
            found: dict[str, list[EntryPoint]] = {}
            for point in entry_points(group=self.group):
                if point.name not in self.builtin:
                    others = found.setdefault(point.name, [])
                    # A package that is on the path twice is one package.
                    if _origin(point) not in map(_origin, others):
                        others.append(point)
            self._found = {path: dict(sorted(found.items()))}
        return self._found[path]

    def __getitem__(self, name: str) -> Any:
        if name in self.builtin:
            return self.builtin[name]
        points = self.extensions()[name]
        if len(points) > 1:
            several = " and ".join(map(_origin, points))
            raise BrokenExtension(
                f"{self.what} {name!r} is in {several}; uninstall all but one, or rename one"
            )
        if points[0] not in self._loaded:
            self._loaded[points[0]] = self._load(points[0])
        return self._loaded[points[0]]

    def _load(self, point: EntryPoint) -> Any:
        place = f"{self.what} {point.name!r} of {_origin(point)} ({self.group}: {point.value})"
        try:
            return self._accept(point.load())
        except UserError as problem:
            raise BrokenExtension(f"{place} cannot be used: {problem}") from problem
        except (Exception, SystemExit) as problem:
            kind = type(problem).__name__
            raise BrokenExtension(
                f"{place} cannot be used: its import raised {kind}: {problem}; repair or uninstall "
                "the package"
            ) from problem

    def __iter__(self) -> Iterator[str]:
        yield from self.builtin
        yield from self.extensions()

    def __len__(self) -> int:
        return len(self.builtin) + len(self.extensions())

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self.extensions()


def _origin(point: EntryPoint) -> str:
    package = point.dist
    return f"the package {package.name} {package.version}" if package else "an unknown package"
