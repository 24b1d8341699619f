"""A file found in a folder *is* the registration of what it defines."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any


def discover(package: ModuleType, attribute: str) -> Mapping[str, Any]:
    """Collect ``attribute`` from every public module of ``package``, keyed by module name.

    Raises ``TypeError`` where a module does not define it.
    """
    found = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            if not hasattr(module, attribute):
                raise TypeError(f"Module {module.__name__!r} must define {attribute!r}")
            found[info.name] = getattr(module, attribute)
    return MappingProxyType(found)
