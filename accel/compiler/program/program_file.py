"""The program file: a program with all that it takes to run it, and without its model.

The same file is written to a board's flash. The core reads only its first part there, the *flash
image*: the chunks that have no room in memory. It runs none whose header or CRC is wrong. After the
image comes a *section* that the core never reads, with what a driver needs. Numbers are
little-endian.

=======  ==============================================================
bytes    content
=======  ==============================================================
8        ``IMAGE_MAGIC``
4        format version, ``IMAGE_VERSION``
16       the core that the program is for, see `identity`
4        length of the flash image
n        the chunks that are streamed or copied from flash
4        CRC-32 (as zlib has it) of everything before; end of the image
8        ``SECTION_MAGIC``
4        format version of the section, ``SECTION_VERSION``
8        lengths of the JSON part and of the binary part
n        JSON, UTF-8: a `Description`, as `records` writes it
m        binary: the arrays that JSON refers to
4        CRC-32 of everything before
=======  ==============================================================

The JSON part refers to the binary one by ``offset`` and ``size`` in bytes, and to the image by the
addresses of its chunks. Nothing in a file is executed or unpickled, and what is read is bounded by
the file's own length.
"""

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ...errors import UserError
from ...identity import IMAGE_MAGIC, IMAGE_VERSION, identity
from ..memory.flash_image import image_of
from .description import Description, describe
from .executable import CoreExecutable
from .records import decode, encode
from .restoring import cut, program_of
from .stored_checks import check
from .stored_program import Figures, StoredProgram

SECTION_MAGIC = b"\x89section"
SECTION_VERSION = 3
Made = TypeVar("Made")
MAX_BYTES = 2**28
MAX_MESSAGE = 200  # characters of a parser's message, which may quote the file
_HEADER = struct.Struct("<8sI16sI")
_SECTION = struct.Struct("<8sI")
_LENGTHS = struct.Struct("<II")
_CRC = struct.Struct("<I")
_SENSELESS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_AGAIN = "compile the network again, with `accel compile MODEL -o DIR`"


class BadImage(UserError):
    """A file is no program file, or is damaged."""


def is_program_file(path: str | Path) -> bool:
    """Whether a file begins as a program file, whatever its name; False where there is none."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(IMAGE_MAGIC)) == IMAGE_MAGIC
    except (OSError, ValueError):
        return False


def save(
    program: CoreExecutable,
    path: str | Path,
    figures: Sequence[Figures],
    *,
    labels: Sequence[str] = (),
    board: str | None = None,
) -> None:
    """Write a program file. The same program gives the same bytes.

    ``figures`` has what each layer of the core takes, ``labels`` the names of the classes, if
    somebody gave any, and ``board`` that of the board that the program was compiled for.
    """
    binary = bytearray()

    def put(data: bytes) -> dict[str, int]:
        binary.extend(data)
        return {"offset": len(binary) - len(data), "size": len(data)}

    content = encode(describe(program, figures, labels, board), put)
    text = json.dumps(content, sort_keys=True, allow_nan=False).encode()
    image = image_of(program.contents, program.config)
    Path(path).write_bytes(sealed(image, text, bytes(binary)))


def sealed(image: bytes, text: bytes, binary: bytes) -> bytes:
    """A file of an image, JSON and arrays, with the lengths and the CRC of its section."""
    data = image + _SECTION.pack(SECTION_MAGIC, SECTION_VERSION)
    data += _LENGTHS.pack(len(text), len(binary)) + text + binary
    return data + _CRC.pack(zlib.crc32(data))


def opened(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The image, the JSON and the arrays of a file. Raises ``BadImage``."""
    if len(data) > MAX_BYTES:
        raise BadImage(f"is larger than {MAX_BYTES >> 20} MiB")
    if data[: len(IMAGE_MAGIC)] != IMAGE_MAGIC[: len(data)] or not data:
        raise BadImage("is not a program file")
    cut_off = BadImage(f"is cut off after {len(data)} bytes")
    if len(data) < _HEADER.size + _CRC.size:
        raise cut_off
    _, version, _, image_size = _HEADER.unpack_from(data)
    if version != IMAGE_VERSION:
        raise BadImage(f"has format version {version}, this is a reader of version {IMAGE_VERSION}")
    if not _HEADER.size + _CRC.size <= image_size <= len(data) - _LENGTHS.size:
        raise cut_off
    if _is_old(data, image_size):
        raise BadImage("is of an earlier accel, and cannot be run without its model")
    if image_size > len(data) - _SECTION.size - _LENGTHS.size - _CRC.size:
        raise cut_off
    magic, version = _SECTION.unpack_from(data, image_size)
    if magic != SECTION_MAGIC:
        raise BadImage("is damaged: after its flash image there is no section of a program file")
    if version != SECTION_VERSION:
        raise BadImage(
            f"has a section of version {version}, this is a reader of version {SECTION_VERSION}"
        )
    lengths = image_size + _SECTION.size
    text_size, binary_size = _LENGTHS.unpack_from(data, lengths)
    text = lengths + _LENGTHS.size
    expected = text + text_size + binary_size + _CRC.size
    if len(data) != expected:
        raise BadImage(f"has {len(data)} bytes instead of {expected}")
    for end in (image_size, expected):
        if zlib.crc32(data[: end - _CRC.size]) != _CRC.unpack_from(data, end - _CRC.size)[0]:
            raise BadImage("is damaged: its CRC is wrong")
    binary = text + text_size
    return data[:image_size], data[text:binary], data[binary : -_CRC.size]


def _is_old(data: bytes, image_size: int) -> bool:
    """Whether a whole file has no section: lengths, JSON and arrays came after the image then."""
    sizes = _LENGTHS.unpack_from(data, image_size)
    return len(data) == image_size + _LENGTHS.size + sum(sizes) + _CRC.size


def load_program(path: str | Path) -> StoredProgram:
    """Read a program file. Raises ``BadImage`` for any file that `save` did not write."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadImage(
            f"{path}: cannot be read ({error.strerror or error}); give a program.bin, as `accel "
            "compile MODEL -o DIR` writes it into DIR"
        ) from error
    return answered(path, lambda: _program(data))


def answered(path: str | Path, make: Callable[[], Made]) -> Made:
    """What ``make`` returns; whatever it raises about a file's content becomes a ``BadImage``."""
    try:
        return make()
    except BadImage as error:
        raise BadImage(f"{path}: {error}; {_AGAIN}") from None
    except UserError as error:
        what = str(error)[:MAX_MESSAGE]
        raise BadImage(
            f"{path}: has a configuration that is not valid: {what}; {_AGAIN}"
        ) from error
    except _SENSELESS as error:
        what = str(error)[:MAX_MESSAGE]
        raise BadImage(
            f"{path}: has a description that makes no sense ({what}); {_AGAIN}"
        ) from error


def _program(data: bytes) -> StoredProgram:
    image, text, binary = opened(data)

    def get(offset: int, size: int) -> bytes:
        return bytes(cut(binary, offset, size))

    description = decode(Description, json.loads(text), get, "the file")
    core = _HEADER.unpack_from(image)[2]
    if core != identity(description.configuration):
        raise BadImage("is for another core than its description says")
    program = program_of(description, get, image[: -_CRC.size])
    check(program)
    if image_of(program.contents, program.config) != image:
        raise BadImage("has another flash image than its description says")
    return program
