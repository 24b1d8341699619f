"""By what a driver knows which core it talks to."""

import hashlib
import json

from .config import AcceleratorConfig
from .protocol import MAGIC, PROTOCOL_VERSION

_INVISIBLE = ("family", "element")  # make no difference to a program


def identity(config: AcceleratorConfig) -> bytes:
    """The ``IDENTITY_BYTES`` that a core of this configuration answers with."""
    values = {key: value for key, value in config.as_dict().items() if key not in _INVISIBLE}
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest()
    sizes = [PROTOCOL_VERSION, config.rows, config.columns, config.number_format.weight_bits]
    return MAGIC + bytes(sizes) + digest[:8]
