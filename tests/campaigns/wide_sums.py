"""Random layers that keep sums and add to them, in compiled RTL on the cores of all boards and on
odd shapes.

    python -m tests.campaigns.wide_sums --count 1000 --seed 1

A case is a dot product in three parts and a layer of codes, from memory or from flash, with DMA
transfers beside them, with cycles left free or not. Both banks are compared with the machine's
after each layer, and all four counters with the cycle model's.
"""

import argparse
import sys
from collections.abc import Iterator

from accel.config import AcceleratorConfig
from accel.sim.rtl.compiled import CompiledCore
from tests.support.rtl.cores import all_cores
from tests.support.rtl.sums_bench import SumsBench


class WideSums:
    """A core, simulated anew where something has failed."""

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self._start()

    def _start(self) -> None:
        self.transport, self.memory = CompiledCore(self.config), None

    def faults(self, seed: int) -> Iterator[str]:
        """What is wrong with a case, which its number decides."""
        bench = SumsBench(self.transport, self.config, seed, self.memory)
        try:
            layers = bench.prepare(flash=bool(seed & 1), dma=bool(seed & 2))
            yield from bench.hold(layers, shared=bool(seed & 4))
            if seed % 16 == 3:
                yield from bench.compare_all()
            self.memory = bench.memory
        except Exception as problem:  # noqa: BLE001 -- whatever it is, it is a fault to be told
            yield f"{type(problem).__name__}: {problem}"
            self._start()


def main() -> int:
    """Try cases on all cores in turn. Returns 1 if there was any fault."""
    parser = argparse.ArgumentParser(description="Run random layers of wide sums.")
    parser.add_argument("--seed", type=int, default=1, help="whose cases (%(default)s)")
    parser.add_argument("--count", type=int, default=200, help="cases (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (%(default)s)")
    parser.add_argument("--core", default="", help="only cores whose name contains this")
    options = parser.parse_args()
    cores = {
        name: config
        for name, config in all_cores().items()
        if options.core in name and config.keeps_sums
    }
    if not cores:
        raise SystemExit(f"Core must be one of {', '.join(all_cores())}, not {options.core}")
    done = faults = 0
    for number, (name, config) in enumerate(cores.items()):
        bench = WideSums(config)
        first = options.first + -(-options.count * number // len(cores))
        end = options.first + -(-options.count * (number + 1) // len(cores))
        for case in range(first, end):
            for fault in bench.faults(options.seed << 32 | case):
                faults += 1
                print(f"{name}, seed {options.seed}, case {case}: {fault}", flush=True)
        done += end - first
        print(f"{done} cases, {faults} faults, {name}", flush=True)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
