"""The program file: what a driver needs to load a core, write its input and read its output.

The same file is written to a board's flash. The core reads only its first part there, the *flash
image*: the chunks that have no room in memory. It runs none whose header or CRC is wrong. Numbers
are little-endian.

=======  ==============================================================
bytes    content
=======  ==============================================================
8        ``IMAGE_MAGIC``
4        format version, ``IMAGE_VERSION``
16       the core that the program is for, see `identity`
4        length of the flash image
n        the chunks that are streamed or copied from flash
4        CRC-32 (as zlib has it) of everything before; end of the image
8        lengths of the JSON part and of the binary part
n        JSON, UTF-8: see `Image`
m        binary: the other chunks, then the input maps as int32 arrays
4        CRC-32 of everything before
=======  ==============================================================

The JSON part refers to the binary one by ``offset`` and ``size`` in bytes, and to the image by the
addresses of its chunks. Nothing in a file is executed or unpickled, and what is read is bounded by
the file's own length.
"""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...config import FLASH, SUM_BYTES, AcceleratorConfig
from ...errors import UserError
from ...identity import IMAGE_HEADER_BYTES, IMAGE_MAGIC, IMAGE_VERSION, identity
from ..memory.flash_image import image_of
from .file_description import check_description
from .program import Chunk, CoreProgram

MAX_BYTES = 2**28
MAX_MESSAGE = 200  # characters of a parser's message, which may quote the file
_HEADER = struct.Struct("<8sI16sI")
_LENGTHS = struct.Struct("<II")
_CRC = struct.Struct("<I")


class BadImage(UserError):
    """A file is no program file, or is damaged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """A program file's content.

    Members
    -------
    name, contract
        The network's name and its rounding contract.
    config
        The core that the program is for.
    chunks
        What to load where; a run begins with the first one.
    inputs, outputs
        For each tensor that enters or leaves the core ``name``, ``source``, ``shape``, ``dtype``,
        ``scale``, ``zero_point``, ``bank``, ``address``, ``words`` and ``stored`` (height, width,
        channels). ``source`` is its name in the network, where ``name`` may be a band of it. Inputs
        have ``pad`` and ``index``, an int32 array of the stored shape: the value of a
        flattened sample that each byte holds, -1 for ``pad``. Outputs of int32 sums have an
        ``index``, too, int32 ``[values, 4]``: the bytes of each value, lowest first, counted from
        the tensor's first word.
    pieces
        In which pieces inputs are written: ``tensor``, ``first``, ``words``, ``during``, ``after``
        and ``takes`` as in `memory.pieces.Piece`; the last words of a ``band`` make one whole.
    layers
        ``name``, ``node``, ``mode``, ``macs``, ``output`` and ``inexact`` channels of each layer.
    flash
        The image that must be in the core's flash; empty where all is in memory.
    """

    name: str
    contract: str
    config: AcceleratorConfig
    chunks: tuple[Chunk, ...]
    inputs: tuple[Mapping[str, Any], ...]
    outputs: tuple[Mapping[str, Any], ...]
    pieces: tuple[Mapping[str, Any], ...]
    layers: tuple[Mapping[str, Any], ...]
    flash: bytes


def save(program: CoreProgram, path: str | Path) -> None:
    """Write a program file. The same program gives the same bytes."""
    binary = bytearray()

    def put(data: bytes) -> dict[str, int]:
        binary.extend(data)
        return {"offset": len(binary) - len(data), "size": len(data)}

    content = {
        "name": program.name,
        "contract": program.graph.contract,
        "configuration": program.config.as_dict(),
        "chunks": [
            {"bank": FLASH, "address": c.address, "size": len(c.data)}
            if c.bank == FLASH
            else {"bank": c.bank, "address": c.address, **put(c.data)}
            for c in program.contents
        ],
        "inputs": [
            _tensor(program, i.tensor, i.source)
            | {"pad": i.pad, "index": put(i.index.astype("<i4").tobytes())}
            for i in program.inputs
        ],
        "pieces": [
            {
                "tensor": p.tensor,
                "first": p.first,
                "words": p.words,
                "during": p.during,
                "after": p.after,
                "takes": p.takes,
                "band": p.reader is not None,
            }
            for p in program.pieces
        ],
        "outputs": [
            _tensor(program, name, name)
            | ({"index": put(_places(program, name))} if program.holds_sums(name) else {})
            for name in program.partition.outputs
        ],
        "layers": [
            {
                "name": c.name,
                "node": c.node,
                "mode": c.mode,
                "macs": c.macs,
                "output": c.output,
                "inexact": [asdict(one) for one in c.inexact],
            }
            for c in program.commands
        ],
    }
    text = json.dumps(content, sort_keys=True).encode()
    data = image_of(program.contents, program.config)
    data += _LENGTHS.pack(len(text), len(binary)) + text + bytes(binary)
    Path(path).write_bytes(data + _CRC.pack(zlib.crc32(data)))


def load_image(path: str | Path) -> Image:
    """Read a program file. Raises ``BadImage`` for any file that `save` did not write."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadImage(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        return _image(data)
    except BadImage as error:
        raise BadImage(f"{path}: {error}; compile the network again") from None
    except UserError as error:
        what = str(error)[:MAX_MESSAGE]
        raise BadImage(f"{path}: has a configuration that is not valid: {what}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        what = str(error)[:MAX_MESSAGE]
        raise BadImage(f"{path}: has a description that makes no sense ({what})") from error


def _image(data: bytes) -> Image:
    if len(data) > MAX_BYTES:
        raise BadImage(f"is larger than {MAX_BYTES >> 20} MiB")
    if data[: len(IMAGE_MAGIC)] != IMAGE_MAGIC[: len(data)] or not data:
        raise BadImage("is not a program file")
    cut_off = BadImage(f"is cut off after {len(data)} bytes")
    if len(data) < _HEADER.size + _CRC.size:
        raise cut_off
    _, version, core, image_size = _HEADER.unpack_from(data)
    if version != IMAGE_VERSION:
        raise BadImage(f"has format version {version}, this is a reader of version {IMAGE_VERSION}")
    if not _HEADER.size + _CRC.size <= image_size <= len(data) - _LENGTHS.size:
        raise cut_off
    text_size, binary_size = _LENGTHS.unpack_from(data, image_size)
    text = image_size + _LENGTHS.size
    expected = text + text_size + binary_size + _CRC.size
    if len(data) != expected:
        raise BadImage(f"has {len(data)} bytes instead of {expected}")
    for end in (image_size, expected):
        if zlib.crc32(data[: end - _CRC.size]) != _CRC.unpack_from(data, end - _CRC.size)[0]:
            raise BadImage("is damaged: its CRC is wrong")
    binary = text + text_size
    image = _described(json.loads(data[text:binary]), data[binary : -_CRC.size], data[:image_size])
    if core != identity(image.config):
        raise BadImage("is for another core than its description says")
    return image


def _described(content: Mapping[str, Any], binary: bytes, flash: bytes) -> Image:
    check_description(content)

    def cut(data: bytes, start: int, size: int, first: int = 0) -> bytes:
        if not first <= start <= start + size <= len(data):
            raise ValueError("data outside the file")
        return data[start : start + size]

    def get(entry: Mapping[str, int]) -> bytes:
        if entry.get("bank") == FLASH:
            return cut(flash[: -_CRC.size], entry["address"], entry["size"], IMAGE_HEADER_BYTES)
        return cut(binary, entry["offset"], entry["size"])

    config = AcceleratorConfig(**content["configuration"])
    for tensor in (*content["inputs"], *content["outputs"]):
        if tensor["address"] + tensor["words"] > config.bank_words:
            raise ValueError(f"tensor {tensor['name']!r} lies outside the memory")
    words = {tensor["name"]: tensor["words"] for tensor in content["inputs"]}
    for piece in content["pieces"]:
        if piece["first"] + piece["words"] > words.get(piece["tensor"], 0):
            raise ValueError(f"a piece lies outside the input {piece['tensor']!r}")
    inputs = [
        {**i, "index": np.frombuffer(get(i["index"]), "<i4").reshape(i["stored"])}
        for i in content["inputs"]
    ]
    outputs = [
        {
            **o,
            "index": _inside(
                np.frombuffer(get(o["index"]), "<i4").reshape(-1, SUM_BYTES), o, config
            ),
        }
        if "index" in o
        else o
        for o in content["outputs"]
    ]
    chunks = tuple(_placed(config, c, get(c)) for c in content["chunks"])
    return Image(
        name=content["name"],
        contract=content["contract"],
        config=config,
        chunks=chunks,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        pieces=tuple(content["pieces"]),
        layers=tuple(content["layers"]),
        flash=flash if any(chunk.bank == FLASH for chunk in chunks) else b"",
    )


def _placed(config: AcceleratorConfig, entry: Mapping[str, int], data: bytes) -> Chunk:
    words, rest = divmod(len(data), config.rows)
    bank, address = entry["bank"], entry["address"]
    inside = bank in (0, 1) and 0 <= address <= address + words <= config.bank_words
    if rest or not (inside or (bank == FLASH and config.flash_lanes)):
        raise ValueError("a chunk outside the memory")
    return Chunk(bank=bank, address=address, data=data)


def _inside(index: np.ndarray, tensor: Mapping[str, Any], config: AcceleratorConfig) -> np.ndarray:
    if ((index < 0) | (index >= tensor["words"] * config.rows)).any():
        raise ValueError(f"bytes of tensor {tensor['name']!r} lie outside of it")
    return index


def _places(program: CoreProgram, name: str) -> bytes:
    return program.sums_places(name).astype("<i4").tobytes()


def _tensor(program: CoreProgram, name: str, source: str) -> dict[str, Any]:
    """A tensor that is ``source`` in the network, or some of its rows."""
    tensor, place = program.graph.tensor(source), program.placement(name)
    q = tensor.quantization
    return {
        "name": name,
        "source": source,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scale": q.scale[0] if q else None,
        "zero_point": q.zero_point[0] if q else None,
        "bank": place.bank,
        "address": place.address,
        "words": place.layout.words(program.config.rows),
        "stored": list(place.layout.shape),
    }
