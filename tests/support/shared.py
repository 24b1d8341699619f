"""Third-party models, stimuli and recorded answers, which lie beside the project."""

from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[2] / "../shared/data"


def shared(name: str) -> Path:
    """Return the path of a shared file; skips the test where it is missing."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"shared data {name} is not here")
    return path


def stimuli(name: str) -> np.ndarray:
    """Return int8 inputs ``[N, ...]``; images are stored as uint8 codes 128 higher."""
    x = np.load(shared(f"data/{name}.npz"))["x"]
    return (x.astype(np.int16) - 128).astype(np.int8) if x.dtype == np.uint8 else x
