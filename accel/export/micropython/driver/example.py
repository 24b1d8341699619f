"""Runs a sample on a core that is connected to this board: over a UART, or over SPI.

Copy accel_driver.py, accel_links.py, accel_nodes.py, program.dat and this file onto the board, and
set the pins.
"""

import machine
from accel_driver import Driver, Spi, Uart

OVER_SPI = False

if OVER_SPI:
    # At up to a quarter of the core's clock, in mode 0.
    bus = machine.SPI(0, baudrate=3_000_000, polarity=0, phase=0, bits=8)
    link = Spi(bus, machine.Pin(17, machine.Pin.OUT, value=1))
else:
    # The rate of the board's file; README.md says it. The buffer holds the longest answer.
    link = Uart(machine.UART(0, baudrate=1_000_000, rxbuf=2048, txbuf=2048))

driver = Driver(link)
driver.open()
driver.load()
name = driver.program["inputs"][0]
kind, size = driver.program["tensors"][name]
sample = [0] * size  # from a sensor, say
answer = driver.infer(sample)
print(list(answer), driver.counters[0], "cycles,", driver.retries, "sent again")
