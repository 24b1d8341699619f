"""Spoils program files, with right lengths and CRCs; reads, loads and runs what is left of them.

    python -m tests.campaigns.fuzz_programs --seed 1 --count 20000

A spoilt file is refused in one report, or it is loaded into a core that says yes to everything,
and run on the machine, which answers or refuses it.
What else happens is a fault, as are a case of more than 5 s or 1 GiB. ``--case N`` tries one again.
"""

import argparse
import copy
import json
import random
import struct
import sys
import tempfile
import zlib
from collections import Counter
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

import accel
from accel.compiler.program.program_file import opened, sealed
from accel.config import AcceleratorConfig
from accel.errors import ToolError, UserError
from accel.host.loading import load as load_into
from accel.protocol import (
    EXTENSION,
    HEADER,
    HEADER_BYTES,
    INFO_BYTES,
    FlashStatus,
    Opcode,
    Status,
    closed,
    values_of,
)
from tests.campaigns.fuzz_models import warnings_are_errors
from tests.campaigns.fuzzing import values, workers
from tests.campaigns.fuzzing.oracle_process import OracleProcess
from tests.campaigns.fuzzing.seeds import DIGITS

CORE = slice(12, 28)  # of the header: the core's identity
MARKS = (None, True, False, 0, -1, 2**31, 2**63, 10**400, 0.5, 1e308, float("nan"), float("inf"))
MARKS += ("", "x", "int8", "\x1b[31m", "\ud800", "9" * 5000, [], {}, [[]], [1, 2], {"offset": 0})
TEXTS = (b"[" * 100_000, b'{"a":' * 5000, b"null", b"1", b"[]", b"{}", b"\xff\xfe", b"9" * 10_000)
DEEP = ("chunks", "inputs", "outputs", "layers", "configuration", "network") * 2
CONFIGURATIONS = (
    AcceleratorConfig(),
    AcceleratorConfig(bank_words=1024, flash_lanes=4),  # a part is in flash
)


class Yes:
    """A core that says yes to everything; its answers are whole and begin with its identity."""

    def __init__(self, core: bytes) -> None:
        self.core = core
        self.answers = b""

    def write(self, data: bytes) -> None:
        while data:
            head, data = data[:HEADER_BYTES], data[HEADER_BYTES:]
            fields = values_of(HEADER, head)
            opcode, number = fields["opcode"], fields["number"]
            if opcode in (Opcode.INFO, Opcode.HELLO):
                info = (self.core + bytes(INFO_BYTES))[: INFO_BYTES - 1] + bytes([FlashStatus.OK])
                self.answers += closed(bytes([Status.INFO, number]) + info)
            elif opcode == Opcode.READ:
                asked, data = values_of(EXTENSION, data), b""
                words = bytes(asked["count"] * (asked["lanes_less_one"] + 1))
                self.answers += closed(bytes([Status.DATA, number]) + words)
            else:
                data = data if opcode != Opcode.WRITE else b""
                self.answers += closed(bytes([Status.OK, (number + 1) % 256]))

    def read(self, size: int, cycles: int = 0) -> bytes:
        answer, self.answers = self.answers[:size], self.answers[size:]
        return answer

    def discard(self) -> None:
        self.answers = b""


@cache
def originals() -> tuple[bytes, ...]:
    """Program files that are right."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for config in CONFIGURATIONS:
            path = Path(folder) / "program.bin"
            accel.compile(DIGITS, config=config).save(path, [f"digit {n}" for n in range(10)])
            found.append(path.read_bytes())
    return tuple(found)


def parts(data: bytes) -> tuple[bytes, Any, bytes]:
    """The flash image, the description and the binary part of a file."""
    image, text, binary = opened(data)
    return image, json.loads(text), binary


def case(seed: int, number: int) -> bytes:
    """The spoilt file of this number, the same each time."""
    rng = random.Random(f"programs {seed} {number}")
    data = rng.choice(originals())
    image, description, binary = parts(data)
    kind = rng.random()
    if kind < 0.15:
        spoilt = values.spoilt_bytes(data, rng)
        return spoilt[:-4] + struct.pack("<I", zlib.crc32(spoilt[:-4]))
    if kind < 0.2:
        return sealed(image, rng.choice(TEXTS), binary)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _spoil(description, rng)
    if kind < 0.3:
        binary = values.content(binary, rng)
    return sealed(image, json.dumps(description).encode(), binary)


def _spoil(description: Any, rng: random.Random) -> None:
    """Walk down to a value of the description, and change, remove or double it."""
    parent, key = description, rng.choice([*description, *(k for k in DEEP if k in description)])
    while isinstance(parent[key], (dict, list)) and parent[key] and rng.random() < 0.85:
        parent = parent[key]
        key = rng.choice(sorted(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
    old, kind = parent[key], rng.random()
    if kind < 0.15:
        del parent[key]
    elif kind < 0.2 and isinstance(parent, list):
        parent.append(old)
    elif kind < 0.6 and values.kind_of(old) == "integer":
        parent[key] = values.integer(old, [], rng)
    else:
        parent[key] = copy.deepcopy(rng.choice(MARKS))  # which may be changed in its turn


def zeros(program: accel.Executable) -> dict[str, np.ndarray]:
    """A sample of a program's inputs."""
    return {one.name: np.zeros((1, *one.shape), one.dtype) for one in program.inputs}


def trial(seed: int, number: int, oracle: OracleProcess) -> dict[str, Any]:
    """Read, load and run one case; whatever is no refusal in one report is raised."""
    data = case(seed, number)
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(data)
        file.flush()
        try:
            program = accel.open(file.name)
            load_into(program.code, Yes(data[CORE]), None)
            program.run(zeros(program))
        except (UserError, ToolError) as refusal:
            text = str(refusal)
            assert len(text) < 2000, len(text)
            assert "\x1b" not in text, text
            return {"what": "refused", "detail": text.rpartition(".bin: ")[2]}
        program.name.encode()
    return {"what": "loaded", "detail": ""}


def main() -> int:
    """Try cases. Returns 1 if there was any fault."""
    parser = argparse.ArgumentParser(description="Spoil program files.")
    parser.add_argument("--seed", type=int, default=1, help="whose cases (%(default)s)")
    parser.add_argument("--count", type=int, default=1000, help="cases (%(default)s)")
    parser.add_argument("--case", type=int, help="only this one; writes its file", metavar="N")
    options = parser.parse_args()
    originals()
    if options.case is not None:
        Path(f"case_{options.seed}_{options.case}.bin").write_bytes(
            case(options.seed, options.case)
        )
        print(trial(options.seed, options.case, None))
        return 0
    found: Counter[str] = Counter()
    attempts = workers.tried(partial(trial, options.seed), warnings_are_errors, count(1), 1)
    for number, outcome in attempts:
        found[outcome["what"]] += 1
        if outcome["what"] not in ("refused", "loaded"):
            print(f"case {number}: {outcome['what']} {outcome['detail']}", flush=True)
        if found.total() >= options.count:
            break
    print(dict(found))
    return 0 if set(found) <= {"refused", "loaded"} else 1


if __name__ == "__main__":
    sys.exit(main())
