"""Spoils what is between a command and its board, at each stage: every fault is named with what to
do about it, in time, and none is answered wrongly.

    python -m tests.campaigns.stage_faults --seed 1 --count 50 [--patience 0.5]

A case is a command as a user types it, in this process, against a port: a pseudo-terminal with a
core in Python that computes what cores do (`tests.support.host.fake_core`), or with what stands
there instead of one. The driver waits ``--patience`` seconds for an answer instead of 2.
"""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from unittest import mock

import numpy as np
from typer.main import get_command
from typer.testing import CliRunner

import accel
from accel.cli import USER_EXIT, app
from accel.compiler.program.executable import CoreExecutable
from accel.config import AcceleratorConfig, InvalidConfiguration
from accel.host.exchange import ATTEMPTS, PERSISTENCE
from accel.host.serial import QUIET
from tests.campaigns.faulting.cases import PAGE, SECTOR, Case, Tally, hasty, plugged_in, written
from tests.campaigns.faulting.devices import (
    Board,
    Console,
    Echo,
    Modem,
    Noise,
    Silence,
    at_port,
)
from tests.support.host.fake_core import FakeCore
from tests.support.networks.small import Chain

CONFIG = accel.configuration("icebreaker")
STREAMED = CONFIG.replace(bank_words=256, flash_lanes=4)
FEW, MANY = 3, 100  # samples; the frames of so many are more than there are numbers for them
_SLACK = 20.0  # seconds that a busy computer may add
_DEVICES = (Silence, Echo, Modem, Console, Noise)


class Campaign:
    """Networks, programs and their answers, made once in ``folder``."""

    def __init__(self, folder: Path, *, seed: int, count: int, patience: float):
        self.folder, self.seed, self.count, self.patience = folder, seed, count, patience
        self.inputs = np.random.default_rng(seed).integers(-128, 128, (MANY, 5, 6, 4), np.int8)
        for samples in (FEW, MANY):
            np.save(folder / f"{samples}.npy", self.inputs[:samples])
        self.programs = {
            "plain": self._saved("plain", Chain().convolution().convolution(2), CONFIG),
            "streamed": self._saved("streamed", Chain().convolution(16).convolution(16), STREAMED),
        }
        self.answers = {name: p.run(self.inputs).output for name, p in self.programs.items()}
        self.command = get_command(app)  # made once, which takes as long as a case
        self.lengths: dict[str, int] = {}  # bytes of commands in which nothing goes wrong
        self.image = self.programs["streamed"].code.flash
        assert self.image

    def _saved(self, name: str, chain: Chain, config: AcceleratorConfig) -> accel.api.Program:
        program = accel.compile(chain.graph(), board="icebreaker", config=config)
        program.save(self.folder / f"{name}.bin")
        return program

    def draw(self, name: str) -> Random:
        """The source of a fault's moments."""
        return Random(f"{self.seed} {name}")

    def run(
        self, name: str, port: str | None, named: str, samples: int = FEW, **more: object
    ) -> Case:
        """A run of a program, at a port or at that which is found."""
        output = self.folder / "y.npy"
        at = ["--port", port] if port else []
        inputs = self.folder / f"{samples}.npy"
        files = [self.folder / f"{name}.bin", "-i", inputs, "-o", output]
        words = ["run", *files, "-e", "board", *at]
        expected = self.answers[name][:samples]
        return Case(words, named, output=output, expected=expected, **more)  # type: ignore[arg-type]

    def load(self, name: str, port: str | None, named: str, **more: object) -> Case:
        """A load of a program."""
        words = ["load", self.folder / f"{name}.bin", *(["--port", port] if port else [])]
        return Case(words, named, **more)  # type: ignore[arg-type]

    def check(self, case: Case, tally: Tally) -> str:
        """Run a case, and count what came of it; returns what the command said."""
        if case.output:
            case.output.unlink(missing_ok=True)
        start = time.monotonic()
        words = [str(word) for word in case.words]
        with mock.patch("typer.testing._get_command", lambda _: self.command):
            result = CliRunner().invoke(app, words, prog_name="accel")
        seconds = time.monotonic() - start
        tally.moments += 1
        error = result.stderr.partition("error: ")[2].strip()
        problems = []
        if result.exception and not isinstance(result.exception, SystemExit):
            problems.append(f"a traceback: {result.exception!r}")
        if seconds > self.longest:
            problems.append(f"took {seconds:.1f} s, more than {self.longest:.1f}")
        if result.exit_code == 0:
            right = case.output is None or np.array_equal(np.load(case.output), case.expected)
            tally.wrong += not right
            tally.answered += right
            if not case.may_answer:
                problems.append("no error")
        else:
            problems += self._faults_of(case, result.exit_code, error)
            tally.named += not problems
        tally.problems += [f"accel {' '.join(words)}: {problem}" for problem in problems]
        return error

    def _faults_of(self, case: Case, code: int, error: str) -> Iterator[str]:
        """What is wrong with an error."""
        if code != case.code:
            yield f"exit code {code}, not {case.code}: {error}"
        if not re.search(case.named, error, re.DOTALL):
            yield f"is not named {case.named!r}: {error}"
        if case.output and case.output.exists():
            yield "left an output"

    @property
    def longest(self) -> float:
        """Seconds that a command may take: all of the driver's attempts, each with an answer that
        does not come and a line that is not quiet."""
        attempt = 2 * self.patience + QUIET + 0.1  # and the zeros that end a frame
        return 2 * (ATTEMPTS + PERSISTENCE + 1) * attempt + _SLACK


def _core(config: AcceleratorConfig = CONFIG, flash: bytes = b"") -> FakeCore:
    core = FakeCore(config)
    core.flash = flash
    return core


def _passed(campaign: Campaign, name: str, case: Callable[..., Case]) -> int:
    """The bytes of a case that nothing goes wrong in."""
    if name not in campaign.lengths:
        board, tally = Board(_core()), Tally()
        with at_port(board) as port:
            campaign.check(case("plain", port, "", may_answer=True), tally)
        assert tally.answered == 1, tally.problems
        campaign.lengths[name] = board.passed
    return campaign.lengths[name]


def _interrupted(
    campaign: Campaign, event: str, named: str, *, often: int = FEW, may_answer: bool = False
) -> Tally:
    """An event at drawn moments of loads, and of runs of few samples or of as many as ``often``
    says."""
    tally, draw = Tally(), campaign.draw(event)
    cases = {
        "load": campaign.load,
        "run": campaign.run,
        "long": partial(campaign.run, samples=often),
    }
    for number in range(campaign.count):
        name = ("long", "load", "run", "run", "run")[number % 5]
        case = cases[name]
        length = _passed(campaign, f"{name} {often if name == 'long' else ''}", case)
        board = Board(_core(), event, draw.randrange(length))
        with at_port(board) as port:
            loaded = tally.answered
            campaign.check(case("plain", port, named, may_answer=may_answer), tally)
            loaded = tally.answered - loaded
        if loaded and name == "load" and not _holds(board.core, campaign.programs["plain"].code):
            tally.wrong += 1
    return tally


def _holds(core: FakeCore, code: CoreExecutable) -> bool:
    """Whether a core has a whole program in its memory."""
    return all(
        core._content(chunk.bank, chunk.address)[: len(chunk.data)].tobytes() == chunk.data
        for chunk in code.contents
    )


def unplugged(campaign: Campaign) -> Tally:
    """The cable is pulled."""
    named = r"^Port \S+ went away .*plug the board in"
    return _interrupted(campaign, "unplugged", named)


def dark(campaign: Campaign) -> Tally:
    """The board has no power any more, its adapter has."""
    return _interrupted(campaign, "dark", r"^Core did not answer, \d times; check the cable.*accel")


def reset(campaign: Campaign) -> Tally:
    """The board starts anew, with other contents of its memory."""
    named = r"^Core has started anew, .* run the command again$"
    return _interrupted(campaign, "reset", named, often=MANY, may_answer=True)


def other_devices(campaign: Campaign) -> Tally:
    """Something that is no core is at the port."""
    tally = Tally()
    for kind in _DEVICES:
        for case in (campaign.run, campaign.load):
            with at_port(kind()) as port:
                campaign.check(case("plain", port, kind.said), tally)
    return tally


def other_devices_found(campaign: Campaign) -> Tally:
    """Such a device is at the only port that may be the board's, which is looked for."""
    tally = Tally()
    for kind in _DEVICES:
        with plugged_in(kind()) as (port,):
            named = rf"^icebreaker: no core answers at .*accel program BUILD.*\n +{port} \(iCEB"
            campaign.check(campaign.run("plain", None, named, code=USER_EXIT), tally)
    return tally


def two_boards(campaign: Campaign) -> Tally:
    """Two boards of the same kind are connected; one that is chosen works, and so does the only one
    that has a core."""
    tally, right = Tally(), Tally()
    for case in (campaign.run, campaign.load):
        with plugged_in(Board(_core()), Board(_core())) as (one, other):
            named = rf"cores answer at several ports; choose one.*{one} \(.*ib0\)\n +{other}"
            campaign.check(case("plain", None, named, code=USER_EXIT), tally)
            campaign.check(case("plain", other, "", may_answer=True), right)
        with plugged_in(Silence(), Board(_core())):
            campaign.check(case("plain", None, "", may_answer=True), right)
    tally.problems += right.problems + ["no answer"] * (right.moments - right.answered)
    return tally


def other_cores(campaign: Campaign) -> Tally:
    """The board has a core of another configuration."""
    tally, draw = Tally(), campaign.draw("cores")
    while tally.moments < campaign.count:
        changes = {
            "rows": draw.choice((2, 4, 8)),
            "columns": draw.choice((2, 4, 8)),
            "bank_words": draw.choice((1024, 4096, CONFIG.bank_words)),
            "sum_bits": draw.choice((20, CONFIG.sum_bits, 24, 32)),
            "format": draw.choice(("int8", "int8_int4")),
        }
        try:
            config = CONFIG.replace(**changes)
        except InvalidConfiguration:
            continue
        if config == CONFIG:
            continue
        case = campaign.run if tally.moments % 5 else campaign.load
        with at_port(Board(_core(config))) as port:
            named = r"^Core is a \dx\d array .*another build.*accel build.*accel program BUILD"
            campaign.check(case("plain", port, named, code=USER_EXIT), tally)
    return tally


def _flash_case(campaign: Campaign, flash: bytes, number: int, tally: Tally) -> None:
    """A command on a core that finds that in its flash, which may be the right program."""
    case = campaign.run if number % 5 else campaign.load
    right = flash.startswith(campaign.image)
    with at_port(Board(_core(STREAMED, flash))) as port:
        named = r"^Core's flash (?:holds|is erased).*accel program DIR --board BOARD --flash"
        campaign.check(
            case("streamed", port, named, code=USER_EXIT, may_answer=right),
            tally,
        )


def _stale(campaign: Campaign) -> list[bytes]:
    """Images of other networks, of other weights of the same, for other cores, of other versions
    of the format."""

    def image(chain: Chain, config: AcceleratorConfig = STREAMED) -> bytes:
        return accel.compile(chain.graph(), config=config).code.flash

    def shaped() -> Chain:
        return Chain().convolution(16).convolution(16)

    retrained = Chain()
    retrained.random = np.random.default_rng(campaign.seed + 1)
    version = bytearray(campaign.image)
    version[8] -= 1
    images = [
        image(Chain().convolution(16).convolution(12)),
        image(retrained.convolution(16).convolution(16)),
        image(shaped(), STREAMED.replace(sum_bits=26)),
        bytes(version),
    ]
    assert all(images) and campaign.image not in images
    return images


def stale_flash(campaign: Campaign) -> Tally:
    """The flash has a program of another model, of another version of this one or of accel."""
    tally, images = Tally(), _stale(campaign)
    for number in range(max(campaign.count // 5, 2 * len(images))):
        _flash_case(campaign, images[number % len(images)], number, tally)
    return tally


def half_written(campaign: Campaign) -> Tally:
    """Power is lost while a programmer writes the flash."""
    tally, draw, new = Tally(), campaign.draw("written"), campaign.image
    steps = -(-len(new) // SECTOR) + -(-len(new) // PAGE)
    olds = [b"", *_stale(campaign)]
    for number in range(campaign.count):
        flash = written(draw.choice(olds), new, draw.randrange(1, steps + 1))
        _flash_case(campaign, flash, number, tally)
    return tally


FAULTS: dict[str, Callable[[Campaign], Tally]] = {
    "unplugged": unplugged,
    "board without power": dark,
    "board started anew": reset,
    "another device at the port": other_devices,
    "another device is found": other_devices_found,
    "two boards alike": two_boards,
    "another core": other_cores,
    "stale program in flash": stale_flash,
    "power lost while flash is written": half_written,
}


def run(campaign: Campaign, names: Sequence[str] = tuple(FAULTS)) -> Iterator[tuple[str, Tally]]:
    """Each fault's cases, one fault after another."""
    with hasty(campaign.patience):
        for name in names:
            yield name, FAULTS[name](campaign)


def main() -> int:
    """Print a table of the faults. Returns 1 if one is not named, or answered wrongly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of the moments (%(default)s)")
    parser.add_argument("--count", type=int, default=50, help="moments of a fault (%(default)s)")
    parser.add_argument("--patience", type=float, default=0.5, help="seconds (%(default)s)")
    parser.add_argument("--only", action="append", choices=tuple(FAULTS), help="this fault")
    options = parser.parse_args()
    unsound = 0
    with tempfile.TemporaryDirectory(prefix="accel-faults-") as folder:
        campaign = Campaign(
            Path(folder), seed=options.seed, count=options.count, patience=options.patience
        )
        print(f"{'fault':36} moments  named  answered rightly  wrong answers")
        for name, t in run(campaign, options.only or tuple(FAULTS)):
            print(f"{name:36} {t.moments:7} {t.named:6} {t.answered:17} {t.wrong:14}", flush=True)
            unsound += not t.sound
            for problem in t.problems:
                print(f"    {problem}")
    return int(unsound > 0)


if __name__ == "__main__":
    sys.exit(main())
