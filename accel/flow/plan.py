"""A build plan: every file and command of a build, made without running any tool."""

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from amaranth.build.plat import TemplatedPlatform
from amaranth.hdl import Elaboratable

STATISTICS = "stat.json"


# Amaranth's read ports promise the old word where it is being written. Block RAM does not keep that
# promise by itself, and nothing here relies on it: without it Yosys builds no logic around the RAM.
#
# Amaranth names the elements of an array, too: wire `p[3]` is element 3 of wire `p`. Its bit 3 has
# the same name where Yosys hands the design to ABC9, which then fails now and then.
_AFTER_READ = """\
setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2
rename -hide w:*\\[*"""

# ABC9's own script, and its mapping again and again: that makes 2 % fewer cells of the same depth.
# After three times more nothing changes.
_MAP_AGAIN = "&scorr; &sweep; &dc2; &dch -f -r; &ps; &if {W} {D} {R} -v; &mfs" + (
    "; &st; &dch -f -r; &if {W} {D} {R} -v; &mfs" * 3
)

# A bit for each state of a state machine: what a state asks for is known by one of them. The reset
# that holds after power-up sets the first; Yosys ignores the value that a register begins with.
_ONE_HOT = 'setattr -set fsm_encoding "one-hot" w:fsm_state*'

# The registers of a tile share their enable and reset. Where fewer than so many have one it is
# a choice in front of them instead: in as many cells, with a quarter fewer sets of registers that
# must not share a tile. Without that the placer finds no places where nearly all cells are taken.
_LEAST_ENABLED, _LEAST_RESET = 8, 3
_REGISTERS = ("DFF_?", "DFFE_?P", "DFF_?P?", "DFFE_?P?P", "SDFF_?P?", "SDFFCE_?P?P", "SDFFE_?P?P")


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """What a build will do.

    Attributes
    ----------
    name : str
        Base name of the files.
    clock_mhz : float
        The clock that the bitstream makes for the design, which timing must meet.
    files : mapping of str to str
        The sources: RTLIL, the synthesis script and the pin constraints.
    synthesis, place_and_route, pack : tuple of str
        The three commands; the first word of each is the tool's name.
    seeds : tuple of int
        Seeds of place and route, each a run of its own.
    """

    name: str
    clock_mhz: float
    files: Mapping[str, str]
    synthesis: tuple[str, ...]
    place_and_route: tuple[str, ...]
    pack: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def tools(self) -> tuple[str, ...]:
        """Names of the tools that the build will run."""
        return (self.synthesis[0], self.place_and_route[0], self.pack[0])

    def digest(self) -> str:
        """A hexadecimal digest of all that decides the result, except the tools' versions."""
        facts = [self.clock_mhz, self.synthesis, self.place_and_route, self.pack, self.seeds]
        hasher = hashlib.blake2b(digest_size=16)
        hasher.update(json.dumps([facts, sorted(self.files.items())]).encode())
        return hasher.hexdigest()


def _synthesis_options(platform: TemplatedPlatform, name: str) -> dict[str, str]:
    """Timing-driven mapping for the UP5K, whose cells are slow enough to be worth it, and few."""
    if "UP5K" not in getattr(platform, "device", ""):
        return {"script_after_read": _AFTER_READ}
    script = _MAP_AGAIN.replace("; ", ";").replace(" ", ",")
    options = f"-abc9 -device u -dffe_min_ce_use {_LEAST_ENABLED}"
    # `synth_ice40` has no option for resets. So its registers are made ready in the middle of it.
    cells = " ".join(f"-cell $_{kind}_ 0" for kind in _REGISTERS)
    begin = [
        _AFTER_READ,
        _ONE_HOT,
        f'scratchpad -set abc9.script "+{script}"',
        f"synth_ice40 {options} -top {name} -run begin:map_ffs",
        f"dfflegalize {cells} -minsrst {_LEAST_RESET}",
    ]
    return {"script_after_read": "\n".join(begin), "synth_opts": f"{options} -run map_ffs:"}


def make_plan(
    platform: TemplatedPlatform,
    top: Elaboratable,
    *,
    clock_mhz: float,
    name: str = "top",
    seeds: Iterable[int] = (1,),
    nextpnr_options: Iterable[str] = (),
    bel_constraints: Mapping[str, str] = MappingProxyType({}),
) -> BuildPlan:
    """Elaborate ``top`` for ``platform``, a fresh instance of a board of amaranth-boards.

    ``bel_constraints`` are names of BELs by names of cells, for cells that the placer may not move.

    The programmer that the board asks for at build time is not needed. Source locations are left
    out of the netlist, so that the plan, and with it the bitstream, does not depend on where the
    sources lie.
    """
    placed = [f'setattr -set BEL "{bel}" c:{cell}' for cell, bel in bel_constraints.items()]
    amaranth_plan = platform.prepare(
        top,
        name,
        emit_src=False,
        **_synthesis_options(platform, name),
        script_after_synth="\n".join([*placed, f"tee -q -o {STATISTICS} stat -json"]),
    )
    commands = json.loads(amaranth_plan.files[f"build_{name}.json"])["commands"]
    # Further commands of a platform are for its programmer.
    synthesis, place_and_route, pack, *_ = (
        tuple(command) if isinstance(command, list) else tuple(shlex.split(command))
        for command in commands
    )
    sources = {
        file: content
        for file, content in amaranth_plan.files.items()
        if not file.startswith("build_") and not file.endswith(".debug.v")
    }
    return BuildPlan(
        name=name,
        clock_mhz=clock_mhz,
        files=MappingProxyType(sources),
        synthesis=synthesis,
        place_and_route=(*place_and_route, *nextpnr_options),
        pack=pack,
        seeds=tuple(seeds),
    )
