"""Quantized neural networks on FPGAs, from a model file to exact answers and a bitstream."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Program, Result, compile, configuration
    from .config import AcceleratorConfig

__version__ = "0.1.0"
__all__ = ["AcceleratorConfig", "Program", "Result", "__version__", "compile", "configuration"]


def __getattr__(name: str) -> Any:
    """Load on first use, so that submodules stay importable alone and the command line is quick."""
    if name == "AcceleratorConfig":
        from .config import AcceleratorConfig

        return AcceleratorConfig
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
