"""Damages what was kept, and fills disks: answers stay right, whatever it costs to make them anew.

    python -m tests.campaigns.damage [--seed N] [--count N] [--disks N] [--real] [--state FILE]

Each of ``--count`` cases damages entries of a cache of builds, of one of simulators, or lines of a
sweep's store, and counts those that are taken nevertheless. Each of ``--disks`` moments is a disk
that is full from then on while a small build runs; there is room for the next one, which must be
right. Tools are replayed (`tests.campaigns.damaging.replay`); with ``--real`` the disks are filled
by the real ones. Finished cases are kept in ``--state``, and the same command goes on from there.
"""

import argparse
import json
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from accel.config import AcceleratorConfig
from accel.errors import ToolError, UserError
from accel.explore.store import CannotKeep, Store
from accel.flow.build import build
from accel.flow.cache.libraries import library
from accel.flow.cache.store import Cache
from accel.sim.rtl import compiled
from tests.campaigns.damaging.damages import ALL, BETWEEN, CONTENT, Damage
from tests.campaigns.damaging.replay import Made, Replay, contents, small_disk

SIMULATED = AcceleratorConfig(rows=2, columns=2, bank_words=256, weight_steps=80)
_MOST_BYTES = 11 << 19  # what a small build takes at most, with all that is kept of it
_LEAST_BYTES = 24 << 10
_ROOMY = 64 << 20


@dataclass(frozen=True)
class Outcome:
    """What came of a case, and what was wrong with it."""

    name: str
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.name}: WRONG: {self.problem}" if self.problem else self.name


@dataclass
class Campaign:
    """What cases begin with, made once in ``folder``."""

    folder: Path
    replay: Replay | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.replay = self.replay or Replay.record(self.folder)
        self.cache = self.folder / "cache"
        self.replay.build(self.folder / "first", self.cache)
        assert contents(self.folder / "first") == self.replay.expected
        made = compiled.compiled(SIMULATED)
        self.libraries = {f"{made.key}{n}": made.data + bytes(n) for n in range(3)}

    def case(self, seed: int, number: int) -> "Outcome":
        """One case by its number."""
        draw = Random(f"{seed} {number}")
        kind = (self._builds, self._simulators, self._store)[number % 3]
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            name, problem = kind(Path(place), draw)
        return Outcome(f"{kind.__name__[1:]}, {name}", problem)

    def _builds(self, place: Path, draw: Random) -> tuple[str, str]:
        cache = place / "cache"
        shutil.copytree(self.cache, cache)
        entries = sorted(cache.iterdir())
        sizes = {path: path.read_bytes() for path in entries}
        damage = draw.choice(ALL)
        # The whole build is looked for first: parts of it come into play where it is damaged too.
        for path in entries if draw.random() < 0.7 else entries[: draw.randint(1, 4)]:
            if path.exists():
                damage(path, [other for other in entries if other != path], draw)
        whole = {path for path in entries if _is(path, sizes[path])}
        result = self.replay.build(place / "build", cache)
        if contents(place / "build") != self.replay.expected:
            return damage.__name__, "another build"
        if len(result.reused) > len(whole):
            return damage.__name__, f"{result.reused} taken of {len(whole)} whole entries"
        again = self.replay.build(place / "again", cache)
        if contents(place / "again") != self.replay.expected or self.replay.ran:
            return damage.__name__, f"not mended: {again.reused}, {self.replay.ran}"
        return damage.__name__, ""

    def _simulators(self, place: Path, draw: Random) -> tuple[str, str]:
        folder = place / "rtl"
        kept = {}
        for key, data in self.libraries.items():
            kept[key] = library(folder, key, _maker(data)).path
        damage: Damage = draw.choice(ALL)
        key = draw.choice(sorted(kept))
        others = [path for other, path in kept.items() if other != key]
        before = kept[key].read_bytes()
        damage(kept[key], others, draw)
        made: list[int] = []
        harmless = _is(kept[key], before)
        for one, data in self.libraries.items():
            found = library(folder, one, _maker(data, made))
            if found.data != data:
                return damage.__name__, "another library"
        if not made and not harmless:
            return damage.__name__, "taken"
        if stat.S_IMODE(folder.stat().st_mode) != 0o700:
            return damage.__name__, "the folder is not private"
        return damage.__name__, ""

    def _store(self, place: Path, draw: Random) -> tuple[str, str]:
        store = Store(place)
        results = {f"{n:08x}": _result(draw) for n in range(draw.randint(1, 12))}
        for key, result in results.items():
            store.add(key, result)
        lines = store.path.read_bytes().splitlines(keepends=True)
        damage = draw.choice((*CONTENT, *BETWEEN))
        number = draw.randrange(len(lines))
        parts = [place / f"line-{n}" for n in range(len(lines))]
        for path, line in zip(parts, lines, strict=True):
            path.write_bytes(line)
        if damage not in BETWEEN or len(lines) > 1:
            damage(parts[number], [path for path in parts if path != parts[number]], draw)
        store.path.write_bytes(b"".join(path.read_bytes() for path in parts))
        try:
            again = Store(place)
        except CannotKeep as refusal:
            # One line of some other text: nothing tells it from a file of somebody else's.
            return damage.__name__, "" if len(lines) == 1 else f"refused: {refusal}"
        if any(results.get(key) != result for key, result in again.results.items()):
            return damage.__name__, "another result"
        if len(again.results) < len(results) - 1:
            return damage.__name__, f"{len(results) - len(again.results)} lost"
        for key, result in results.items():
            if key not in again.results:
                again.add(key, result)
        if Store(place).results != results:
            return damage.__name__, "not mended"
        return damage.__name__, ""

    def disk(self, number: int, count: int, real: bool = False) -> "Outcome":
        """One of ``count`` moments at which a disk is full."""
        share = number / max(1, count - 1)
        size = round(_LEAST_BYTES + share * (_MOST_BYTES - _LEAST_BYTES)) // 4096 * 4096
        place = self.folder / "disk"
        name = f"a disk of {size:,} bytes"
        with small_disk(place, size) as resize:
            output, cache = place / "out" / "build", place / "cache"
            try:
                self._build(output, cache, real)
                told = "succeeds"
                if not self._is_right(output, real):
                    return Outcome(name, "another build at once")
                shutil.rmtree(output)
            except (UserError, ToolError) as problem:
                told = str(problem).splitlines()[0]
                if "too large for the device" in told or "fault" in told:
                    return Outcome(name, f"misleading: {told}")
                if output.exists():
                    return Outcome(name, f"left {sorted(contents(output))}")
            resize(_ROOMY)
            self._build(output, cache, real)
            if not self._is_right(output, real):
                return Outcome(name, f"{told}; another build later")
        return Outcome(f"{name}, {told.replace(str(place), '')}")

    def _is_right(self, output: Path, real: bool) -> bool:
        """Whether a build is the recorded one; real tools write into their logs how long they
        took."""

        def compared(made: Made) -> Made:
            return {n: data for n, data in made.items() if not (real and n.startswith("logs/"))}

        return compared(contents(output)) == compared(self.replay.expected)

    def _build(self, output: Path, cache: Path, real: bool) -> None:
        if real:
            build(self.replay.plan, output, cache=Cache(folder=cache))
        else:
            self.replay.build(output, cache)


def _maker(data: bytes, made: list[int] | None = None):
    def make(folder: Path) -> Path:
        if made is not None:
            made.append(1)
        (folder / "made.so").write_bytes(data)
        return folder / "made.so"

    return make


def _is(path: Path, data: bytes) -> bool:
    """Whether a file is as it was, and would be if nobody had touched it."""
    try:
        status = path.lstat()
        usable = stat.S_ISREG(status.st_mode) and not status.st_mode & 0o022
        return usable and path.read_bytes() == data
    except OSError:
        return False


def _result(draw: Random) -> dict:
    return {
        "fmax_mhz": draw.uniform(1, 200),
        "used": {name: draw.randrange(10_000) for name in ("LC", "EBR")},
        "problem": draw.choice((None, "does not fit: 5281 LC of 5280", "größer")),
    }


def run(
    campaign: Campaign,
    *,
    seed: int,
    count: int,
    disks: int,
    real: bool = False,
    state: Path | None = None,
) -> Iterator[Outcome]:
    """Do all cases that ``state`` does not have, and yield what came of each."""
    done = {}
    if state is not None and state.exists():
        for line in state.read_text().splitlines():
            key, name, problem = json.loads(line)
            done[key] = Outcome(name, problem)
    cases = {f"{seed} {n}": lambda n=n: campaign.case(seed, n) for n in range(count)}
    cases |= {
        f"disk {n} of {disks}{' real' * real}": lambda n=n: campaign.disk(n, disks, real)
        for n in range(disks)
    }
    for key, case in cases.items():
        if key not in done:
            done[key] = case()
            if state is not None:
                with state.open("a") as file:
                    file.write(json.dumps([key, done[key].name, done[key].problem]) + "\n")
        yield done[key]


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--disks", type=int, default=20)
    parser.add_argument("--real", action="store_true", help="fill disks with the real tools")
    parser.add_argument("--state", type=Path, help="file that keeps what is done")
    options = parser.parse_args()
    told: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="accel-damage-") as folder:
        campaign = Campaign(Path(folder))
        for number, outcome in enumerate(run(campaign, **vars(options)), 1):
            wrong += bool(outcome.problem)
            told[outcome.name] += 1
            if outcome.problem or outcome.name.startswith("a disk") or number % 100 == 0:
                print(f"{number}: {outcome}", flush=True)
    for name, count in sorted(told.items()):
        print(f"{count:6} {name}")
    print(f"{sum(told.values())} cases, {wrong} wrong")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
