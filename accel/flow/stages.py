"""The stages of a build in a cache: the netlist, each seed of place and route, and the whole."""

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from accel.flow.cache.store import Cache, content_of, flow_digest, identity_of, key_of
from accel.flow.plan import STATISTICS, BuildPlan
from accel.flow.products import products
from accel.flow.tools import Tool, find_optional

_CONSTRAINTS = (".pcf", ".lpf")


class Stages:
    """What of a build is in the cache; ``reused`` names what was taken from there.

    A key is made of the content of all input files, the command and the tool's identity. Products
    that are not whole are neither taken nor left in the cache.
    """

    def __init__(
        self, cache: Cache | None, plan: BuildPlan, tools: Sequence[Tool], facts: Mapping[str, Any]
    ):
        self.reused: list[str] = []
        self._cache = cache
        self._plan = plan
        self._tools = tools
        self._facts = dict(facts)

    def take_build(self, work: Path) -> bool:
        """Fill ``work`` with all products of an earlier build of the same plan."""
        return self._take(
            "build", self._build_key, work, lambda: products.check_built(self._plan, work)
        )

    def keep_build(self, work: Path) -> None:
        if self._cache:
            files = [path for path in work.rglob("*") if path.is_file()]
            self._cache.keep(self._build_key(), work, files)

    def take_netlist(self, work: Path) -> bool:
        return self._take(
            "synthesis",
            self._netlist_key,
            work,
            lambda: products.check_synthesized(self._plan, work),
        )

    def keep_netlist(self, work: Path) -> None:
        if self._cache:
            made = [work / f"{self._plan.name}.json", work / STATISTICS, *work.glob("*.rpt")]
            self._cache.keep(self._netlist_key(), work, filter(Path.exists, made))

    def take_seed(
        self, seed: int, command: Sequence[str], sources: Sequence[Path], folder: Path
    ) -> bool:
        return self._take(
            f"seed {seed}",
            lambda: self._seed_key(command, sources),
            folder,
            lambda: products.check_routed(self._plan, command, folder),
        )

    def keep_seed(self, command: Sequence[str], sources: Sequence[Path], folder: Path) -> None:
        """Keep what place and route has made in ``folder`` of the ``sources``."""
        if self._cache:
            given = {source.name for source in sources}
            made = [path for path in folder.iterdir() if path.name not in given]
            self._cache.keep(self._seed_key(command, sources), folder, made)

    def _take(
        self, name: str, key: Callable[[], str], target: Path, check: Callable[[], None]
    ) -> bool:
        if self._cache is None:
            return False
        taken = self._cache.take(key(), target)
        try:
            if taken:
                check()
                self.reused.append(name)
        except products.NotWhole:
            self._cache.drop(key())
            for path in taken:
                path.unlink(missing_ok=True)
            return False
        return bool(taken)

    def _build_key(self) -> str:
        optional = find_optional("icetime")  # the report has its estimate where it is installed
        tools = [identity_of(tool) for tool in (*self._tools, optional) if tool]
        facts = [*tools, metadata.version("amaranth")]  # the report has it
        return key_of("build", self._plan.digest(), facts, self._facts, flow_digest())

    def _netlist_key(self) -> str:
        plan = self._plan
        files = [
            (name, text) for name, text in plan.files.items() if not name.endswith(_CONSTRAINTS)
        ]
        return key_of("netlist", sorted(files), plan.synthesis, identity_of(self._tools[0]))

    def _seed_key(self, command: Sequence[str], sources: Sequence[Path]) -> str:
        files = content_of(source for source in sources if source.name != STATISTICS)
        return key_of("seed", files, command, identity_of(self._tools[1]))
