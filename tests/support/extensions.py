"""Packages of a user's own, put into a folder as an installer would, without a network."""

from pathlib import Path

from tests.support.toml import tomllib


def install(package: Path, site: Path) -> None:
    """Modules and entry points of a folder with a ``pyproject.toml``."""
    project = tomllib.loads((package / "pyproject.toml").read_text())
    for module in project["tool"]["setuptools"]["py-modules"]:
        (site / f"{module}.py").write_text((package / f"{module}.py").read_text())
    info = project["project"]
    register(site, info["name"], info["entry-points"], info["version"])


def register(
    site: Path, name: str, groups: dict[str, dict[str, str]], version: str = "1.0"
) -> None:
    """Only the entry points of a package, by group and name."""
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (folder / "METADATA").write_text(text)
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{point} = {value}" for point, value in points.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")
