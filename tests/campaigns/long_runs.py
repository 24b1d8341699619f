"""Runs a layer in RTL that takes longer than the core's counters have bits for.

    python -m tests.campaigns.long_runs [--side N] [--channels N]

By default a convolution of about 70 million cycles on a 2x1 core, some minutes of compiled RTL,
layer by layer and then as a whole: counters and answers must be those of the model and of the
machine.
"""

import argparse
import time

import numpy as np

from accel.api import compile
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.protocol import COUNTER_BITS
from accel.sim.compare import assert_same
from accel.sim.rtl.compiled import CompiledCore
from tests.support.networks.small import Chain

CONFIG = AcceleratorConfig(rows=2, columns=1, bank_words=1 << 17)


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=40, help="of the image")
    parser.add_argument("--channels", type=int, default=98)
    options = parser.parse_args()

    side, channels = options.side, options.channels
    graph = Chain((1, side, side, channels)).convolution(channels).graph()
    program = compile(graph, config=CONFIG)
    expected = sum(layer.cycles for layer in program.cycles)
    print(f"{expected:,} cycles by the model, {expected / 2**COUNTER_BITS:.2f} turns", flush=True)
    x = np.random.default_rng(1).integers(-128, 128, (1, side, side, channels), np.int8)
    machine = program.session.execute("machine", x).tensors
    for stepped in (True, False):
        start, core = time.monotonic(), program.session.driven(CompiledCore(CONFIG))
        core.stepped = stepped
        assert_same(run(program.code, core, x), machine)
        counted = sum(n.cycles for n in core.layer_counters) if stepped else core.total.cycles
        print(f"{counted:,} counted, {time.monotonic() - start:.0f} s", flush=True)
        assert counted == expected
    print("all equal")


if __name__ == "__main__":
    main()
