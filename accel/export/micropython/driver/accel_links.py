"""Links of the driver: over a UART or SPI of MicroPython, and time."""

import time


def now():
    """Milliseconds, from any time on."""
    return time.ticks_ms() if hasattr(time, "ticks_ms") else int(time.monotonic() * 1000)


def since(start):
    """Milliseconds since then."""
    end = now()
    return time.ticks_diff(end, start) if hasattr(time, "ticks_diff") else end - start


def sleep(ms):
    """Wait for so many milliseconds."""
    if hasattr(time, "sleep_ms"):
        time.sleep_ms(ms)
    else:
        time.sleep(ms / 1000)


class Uart:
    """A link over a `machine.UART`, or what has its `any`, `read` and `write`.

    Its buffer should hold an answer: ``rxbuf=2048``.
    """

    def __init__(self, uart):
        self.uart = uart

    def write(self, data):
        """Send all of ``data``."""
        data, done = memoryview(data), 0
        while done < len(data):
            done += self.uart.write(data[done:]) or 0

    def first(self, ms):
        """The first byte of an answer, or nothing."""
        return self.read(1, ms)

    def read(self, count, ms):
        """So many bytes, or fewer where they do not come in time."""
        found, start = bytearray(), now()
        while len(found) < count and since(start) < ms:
            there = self.uart.any()
            if there:
                found += self.uart.read(min(there, count - len(found)))
            else:
                sleep(1)
        return found

    def silence(self, ms):
        """Send nothing for so long, and forget what comes."""
        sleep(ms)
        while self.uart.any():
            self.uart.read(self.uart.any())


class Spi:
    """A link over a `machine.SPI` in mode 0, most significant bit first, at up to a quarter of the
    core's clock. ``select`` is called with 0 to select the core, which stays selected."""

    def __init__(self, spi, select):
        self.spi = spi
        select(1)
        select(0)

    def write(self, data):
        """Send all of ``data``."""
        self.spi.write(data)

    def first(self, ms):
        """The first byte of an answer, which is none of 0, or nothing."""
        start = now()
        while since(start) < ms:
            byte = self.spi.read(1, 0)
            if byte[0]:
                return byte
        return b""

    def read(self, count, ms):
        """So many bytes: an answer has no gaps."""
        return self.spi.read(count, 0)

    def silence(self, ms):
        """Make no clock for so long."""
        sleep(ms)
