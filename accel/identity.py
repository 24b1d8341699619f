"""What identifies a core to its driver, and a program to the core that it is for."""

import hashlib
import json
from typing import Any

from .config import AcceleratorConfig
from .protocol import MAGIC, PROTOCOL_VERSION

_INVISIBLE = ("family", "element", "dsps")  # make no difference to a program

IMAGE_MAGIC = b"\x89accel\r\n"  # as PNG's: tells of files that went through a text conversion
IMAGE_VERSION = 4
IMAGE_HEADER_BYTES = 32


def visible(config: AcceleratorConfig) -> dict[str, Any]:
    """Those values of a configuration that make a difference to programs."""
    return {key: value for key, value in config.as_dict().items() if key not in _INVISIBLE}


def identity(config: AcceleratorConfig) -> bytes:
    """The ``IDENTITY_BYTES`` that a core of this configuration answers with."""
    values = visible(config) | {"image": IMAGE_VERSION}
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest()
    sizes = [PROTOCOL_VERSION, config.rows, config.columns, config.number_format.weight_bits]
    return MAGIC + bytes(sizes) + digest[:8]


def image_header(config: AcceleratorConfig) -> bytes:
    """What all program files for a core begin with. After it comes the file's length."""
    return IMAGE_MAGIC + IMAGE_VERSION.to_bytes(4, "little") + identity(config)
