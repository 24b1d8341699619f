"""The core's RTL in Amaranth's own simulator: slow, but it can write waves."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amaranth.sim import Simulator

from accel.config import AcceleratorConfig
from accel.protocol import FRAME_BYTES, SILENCE_BITS

from .harness import FLASH_OFFSET, Harness, flash_bytes_for

TIMEOUT_CYCLES = 50_000_000
_PERIOD = 1e-6


class SimulatedCore:
    """A `Transport` to a core in Amaranth's simulator; ``cycles`` counts all that were simulated.

    ``image`` is the size of the program in the flash beside it. With ``waves`` a VCD file is
    written, under that name when `close` has been called.
    """

    def __init__(self, config: AcceleratorConfig, *, image: int = 0, waves: Path | None = None):
        harness = Harness(config, flash_bytes_for(image))
        self._core, self._chip = harness.core, harness.chip
        self._burning = b""
        self._simulator = Simulator(harness)
        self._simulator.add_clock(_PERIOD)
        self._simulator.add_testbench(self._bench, background=True)
        self._waves = contextlib.ExitStack()
        if waves:
            self._waves.enter_context(_writing(self._simulator, waves))
        self._sending = b""
        self._wanted = 0
        self._received = bytearray()
        self.cycles = 0

    async def _bench(self, ctx: Any) -> None:
        """Move a byte each way in each cycle in which both sides are ready."""
        core = self._core
        while True:
            if self._burning and self._chip:
                image, self._burning = self._burning, b""
                for address, byte in enumerate(image, FLASH_OFFSET):
                    ctx.set(self._chip.memory.data[address], byte)
            sending, receiving = bool(self._sending), len(self._received) < self._wanted
            ctx.set(core.i.valid, sending)
            if sending:
                ctx.set(core.i.payload, self._sending[0])
            ctx.set(core.o.ready, receiving)
            _, _, taken, come, payload = await ctx.tick().sample(
                core.i.ready, core.o.valid, core.o.payload
            )
            if sending and taken:
                self._sending = self._sending[1:]
            if receiving and come:
                self._received.append(payload)
            self.cycles += 1

    def burn(self, image: bytes) -> None:
        """Write a program's image into the flash chip beside the core, if that has one."""
        self._burning = image

    def write(self, data: bytes) -> None:
        """Send bytes, a cycle each where the core takes them."""
        self._sending = data
        self._advance(lambda: not self._sending)

    def read(self, count: int, cycles: int = 0) -> bytes:
        """Run the core until it has answered ``count`` bytes."""
        self._received, self._wanted = bytearray(), count
        self._advance(lambda: len(self._received) >= count, TIMEOUT_CYCLES + cycles)
        self._wanted = 0
        return bytes(self._received)

    def discard(self) -> None:
        """Be silent until nothing comes, for longer than the core is deaf."""
        self._received = bytearray(b"-")
        while self._received:
            self._received, self._wanted = bytearray(), FRAME_BYTES
            self._advance(lambda: False, 2 << SILENCE_BITS)
        self._wanted = 0

    def _advance(self, done: Any, limit: int = TIMEOUT_CYCLES) -> None:
        limit += self.cycles
        while not done() and self.cycles < limit:
            self._simulator.advance()

    def close(self) -> None:
        """Finish the waves."""
        self._waves.close()


@contextlib.contextmanager
def _writing(simulator: Simulator, waves: Path) -> Iterator[None]:
    """Write waves while the block runs, and move them into place even if it fails.

    The waves of a run that failed are what one wants to see.
    """
    with tempfile.TemporaryDirectory(
        prefix=".waves-", dir=waves.absolute().parent, ignore_cleanup_errors=True
    ) as folder:
        made = Path(folder, "waves.vcd")
        with simulator.write_vcd(str(made)):
            yield
        if waves.exists() and not waves.is_file():  # a device or a pipe
            with made.open("rb") as source, waves.open("wb") as target:
                shutil.copyfileobj(source, target)
        else:
            os.replace(made, waves)
