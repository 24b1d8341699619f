"""The driver for MicroPython answers as the machine over a UART and over SPI, whatever the line
does, and with nothing that MicroPython has not."""

import ast
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.host import test_flash as flash
from tests.support.host.fake_core import FakeCore, Line
from tests.support.networks.small import images

from .conftest import CONFIG
from .drivers import Direct, micropython

MODULES = {
    "array",
    "binascii",
    "json",
    "math",
    "struct",
    "time",
}  # of MicroPython's, on every board


class MachineUart:
    """What the driver uses of `machine.UART`; a full buffer takes a part of what is written."""

    def __init__(self, core: FakeCore):
        self.core = core

    def any(self) -> int:
        return self.core.unread

    def read(self, count: int) -> bytes:
        return self.core.read(count)

    def write(self, data) -> int | None:
        part = bytes(data[:300])
        self.core.write(part)
        return len(part) or None


class MachineSpi:
    """What the driver uses of `machine.SPI`."""

    def __init__(self, transfer):
        self.transfer, self.selected = transfer, []

    def select(self, level: int) -> None:
        self.selected.append(level)

    def write(self, data) -> None:
        self.transfer(bytes(data))

    def read(self, count: int, sent: int) -> bytes:
        return self.transfer(bytes([sent]) * count)


def of_fake(core: FakeCore):
    """A byte from a core for each that goes to it."""

    def transfer(data: bytes) -> bytes:
        came = bytearray()
        for byte in data:
            came += core.read(1) if core.unread else b"\0"
            core.write(bytes([byte]))
        return bytes(came)

    return transfer


@pytest.fixture(scope="module")
def made(digits, tmp_path_factory):
    return micropython(digits[0], tmp_path_factory.mktemp("micropython"))


@pytest.fixture
def fast(made, monkeypatch):
    """The module, with a short patience."""
    monkeypatch.setattr(made[0], "ANSWER_MS", 100)
    return made


def answers(driver, samples) -> np.ndarray:
    driver.open()
    driver.load()
    return np.array([list(driver.infer(sample.ravel().tolist())) for sample in samples])


def links(module, core: FakeCore):
    yield module.Uart(MachineUart(core))
    spi = MachineSpi(of_fake(core))
    link = module.Spi(spi, spi.select)
    assert spi.selected == [1, 0]
    yield link


@pytest.mark.parametrize("kind", [0, 1], ids=["uart", "spi"])
def test_a_spoilt_frame_is_sent_again_and_answers_equal_the_machine(
    kind, digits, fast, monkeypatch
):
    module, path = fast
    _, samples, expected = digits
    core = FakeCore(CONFIG)
    monkeypatch.setattr(
        sys.modules["accel_links"], "sleep", lambda ms: core.discard()
    )  # time passes
    driver = module.Driver([*links(module, core)][kind], path)
    sent = 22 + 9320 + 9 * 15 + 3 * 15
    core.to_core = Line(lost={700, sent + 30}, extra={700: b"\x01", sent + 30: b"\x02"})
    assert (answers(driver, samples) == expected).all()
    assert driver.retries >= 2
    assert core.ran == 3


@pytest.mark.parametrize("at", [2, 30, 60, 130, 170])
def test_an_answer_that_is_spoilt_is_asked_for_again(at, digits, fast, monkeypatch):
    module, path = fast
    core = FakeCore(CONFIG)
    core.to_host = Line(lost={at})
    monkeypatch.setattr(sys.modules["accel_links"], "sleep", lambda ms: core.discard())
    driver = module.Driver(module.Uart(MachineUart(core)), path)
    assert (answers(driver, digits[1]) == digits[2]).all()
    assert driver.retries >= 1
    assert core.ran == 3


def test_another_core_and_a_dead_line_are_named(fast):
    module, path = fast
    other = module.Driver(Direct(FakeCore(CONFIG.replace(sum_bits=26))), path)
    with pytest.raises(module.CoreError, match="a 4x4 array of another build"):
        other.open()
    dead = FakeCore(CONFIG)
    dead.to_core = Line(lost=range(10**6))
    with pytest.raises(module.CoreError, match="does not answer: check the cable"):
        module.Driver(Direct(dead), path).open()


def test_a_program_in_flash_runs_or_what_is_there_instead_is_named(tmp_path):
    module, path = micropython(flash.PROGRAM, tmp_path)
    samples = images(1)
    driver = module.Driver(Direct(flash.core_with(flash.IMAGE)), path)
    expected = flash.PROGRAM.run(samples).output.reshape(1, -1)
    assert (answers(driver, samples) == expected).all()
    for image, said in ((flash.OTHER, "another program"), (flash.OTHER_CORE, "no program for")):
        driver = module.Driver(Direct(flash.core_with(image)), path)
        driver.open()
        with pytest.raises(module.CoreError, match=f"flash holds {said}"):
            driver.load()


def test_a_sample_of_another_size_is_named(made):
    module, path = made
    with pytest.raises(ValueError, match="image must have 64 values, not 3"):
        module.Driver(None, path).infer([1, 2, 3])


def test_it_imports_what_every_board_has(made):
    found = set()
    folder = Path(made[0].__file__).parent
    trees = [ast.parse(file.read_text()) for file in sorted(folder.glob("accel_*.py"))]
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    assert found == MODULES | {"accel_links", "accel_nodes"}


def test_where_there_is_no_crc_its_own_is_the_same(made):
    tree = ast.parse(Path(made[0].__file__).read_text())
    (own,) = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "crc32")
    names: dict = {}
    exec(compile(ast.Module([own], []), "crc32", "exec"), names)  # noqa: S102 -- our own
    data = bytes(range(200))
    assert names["crc32"](data[50:], names["crc32"](data[:50])) == zlib.crc32(data)


_HOST = """
import sys
sys.path.insert(0, {folder!r})
import accel_driver
class Link:
    def write(self, data): sys.stdout.buffer.write(data)
    def first(self, ms): return self.read(1, ms)
    def read(self, count, ms): return sys.stdin.buffer.read(count)
    def silence(self, ms): pass
driver = accel_driver.Driver(Link(), {path!r})
driver.open()
driver.load()
with open({answers!r}, "wb") as file:
    for sample in {samples!r}:
        file.write(bytes(value & 255 for value in driver.infer(sample)))
"""


@pytest.mark.skipif(shutil.which("micropython") is None, reason="there is no micropython here")
def test_micropython_itself_runs_it(digits, made, tmp_path):
    from tests.support.host.piped_board import drive_fake

    (tmp_path / "main.py").write_text(
        _HOST.format(
            folder=str(made[1]).rpartition("/")[0],
            path=made[1],
            answers=str(tmp_path / "answers"),
            samples=[sample.ravel().tolist() for sample in digits[1]],
        )
    )
    command = [shutil.which("micropython"), str(tmp_path / "main.py")]
    assert subprocess.run([command[0], "-c", "import json"], check=False).returncode == 0
    ended = drive_fake(FakeCore(CONFIG), command)
    assert ended.code == 0, ended.errors
    assert (np.fromfile(tmp_path / "answers", np.int8).reshape(3, -1) == digits[2]).all()
