"""Quantized neural networks on FPGAs, from a model file to exact answers and a bitstream.

import accel

with accel.compile("model.tflite", board="icebreaker") as program:
    result = program.run(inputs)
    print(result.output, result.report.cycles)
    program.save("program.bin")

with accel.open("program.bin") as program:  # which needs no model
    result = program.run(inputs)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Executable, Fit, Program, compile, configuration, fit, open
    from .config import AcceleratorConfig
    from .results import Answer, Layer, Report, Result, TensorInfo

__version__ = "0.1.0"
__all__ = [
    "AcceleratorConfig",
    "Answer",
    "Executable",
    "Fit",
    "Layer",
    "Program",
    "Report",
    "Result",
    "TensorInfo",
    "__version__",
    "compile",
    "configuration",
    "fit",
    "open",
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
