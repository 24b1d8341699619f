"""Quantized neural networks on FPGAs, from a model file to exact answers and a bitstream.

import accel

with accel.compile("model.tflite", board="icebreaker") as program:
    result = program.run(inputs)
    print(result.output, result.report.cycles)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Fit, Program, compile, configuration, fit
    from .config import AcceleratorConfig
    from .results import Layer, Report, Result

__version__ = "0.1.0"
__all__ = [
    "AcceleratorConfig",
    "Fit",
    "Layer",
    "Program",
    "Report",
    "Result",
    "__version__",
    "compile",
    "configuration",
    "fit",
]


def __getattr__(name: str) -> Any:
    """Load on first use, so that submodules stay importable alone and the command line is quick."""
    if name == "AcceleratorConfig":
        from .config import AcceleratorConfig

        return AcceleratorConfig
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What there is to be used, loaded or not, and what every module has."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
