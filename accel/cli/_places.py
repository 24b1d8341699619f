"""Where commands write: what cannot be written, or is named twice, is told before any work."""

import os
import tempfile
from pathlib import Path

import typer

from accel.cli._output import CannotWrite

STANDARD_OUTPUT = Path("-")
_OUTPUTS, _INPUTS = "accel.outputs", "accel.inputs"


def output_file(ctx: typer.Context, param: typer.CallbackParam, value: Path | None) -> Path | None:
    """An option's callback: raises ``CannotWrite`` if no file can be written there."""
    if value is not None and not ctx.resilient_parsing:
        check_writable(value)
        _keep_apart(ctx, param, value, is_output=True)
    return value


def json_file(ctx: typer.Context, param: typer.CallbackParam, value: Path | None) -> Path | None:
    """The callback of ``--json``: as `output_file`, but that ``-`` is standard output."""
    return value if value == STANDARD_OUTPUT else output_file(ctx, param, value)


def output_folder(
    ctx: typer.Context, param: typer.CallbackParam, value: Path | None
) -> Path | None:
    """An option's callback: raises ``CannotWrite`` if no files can be written into it."""
    if value is not None and not ctx.resilient_parsing:
        check_folder(value)
        _keep_apart(ctx, param, value, is_output=True)
    return value


def input_files(
    ctx: typer.Context, param: typer.CallbackParam, value: Path | list[Path] | None
) -> Path | list[Path] | None:
    """A callback of options: raises ``CannotWrite`` if an output would be written over an input."""
    if value is not None and not ctx.resilient_parsing:
        for path in value if isinstance(value, (list, tuple)) else [value]:
            _keep_apart(ctx, param, path, is_output=False)
    return value


def _keep_apart(
    ctx: typer.Context, param: typer.CallbackParam, path: Path, is_output: bool
) -> None:
    """Hold a path to those that were given before; two inputs may be the same."""
    others = dict(ctx.meta.setdefault(_OUTPUTS, {}))
    if is_output:
        others.update(ctx.meta.setdefault(_INPUTS, {}))
    name = param.opts[0] if param.param_type_name == "option" else (param.metavar or param.name)
    real = os.path.realpath(path)
    is_stream = path.exists() and not path.is_file() and not path.is_dir()  # /dev/stdout, /dev/null
    if real in others and not is_stream:
        name, other = (name, others[real]) if is_output else (others[real], name)
        raise CannotWrite(f"{name} must be another file than {other}, not {str(path)!r} too")
    ctx.meta.setdefault(_OUTPUTS if is_output else _INPUTS, {})[real] = name


def check_writable(*paths: Path | None) -> None:
    """Raise ``CannotWrite`` now for files that could not be written at the end of long work."""
    for path in paths:
        if path is None:
            continue
        _check_name(path)
        if path.is_dir():
            raise CannotWrite(f"{path}: cannot be written: is a folder; give a file name")
        if path.exists() and not path.is_file():  # a device or a pipe
            if not os.access(path, os.W_OK):
                raise CannotWrite(f"{path}: cannot be written: no permission; choose another place")
            continue
        folder = path.absolute().parent
        if not folder.is_dir():
            why = "is not a folder" if folder.exists() else "does not exist"
            raise CannotWrite(f"{path}: cannot be written: {folder} {why}; choose another place")
        _probe(path, folder)


def check_folder(path: Path) -> None:
    """Raise ``CannotWrite`` now unless ``path`` is, or can become, a folder that can be written."""
    _check_name(path)
    for place in (path.absolute(), *path.absolute().parents):
        if place.is_dir():
            _probe(path, place)
            return
        if place.exists() or place.is_symlink():
            why = "is not a folder" if place.exists() else "is a link to nothing"
            raise CannotWrite(
                f"{path}: cannot be written: {place} {why}; choose another output folder"
            )


def check_in_folder(folder: Path, *names: str) -> None:
    """Raise ``CannotWrite`` if there is a folder where a file of an output folder goes."""
    for name in names:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            raise CannotWrite(
                f"{path}: cannot be written: is a folder; choose another output folder"
            )


def _check_name(path: Path) -> None:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as problem:
        raise _failure(path, problem) from problem


def _probe(path: Path, folder: Path) -> None:
    """Make a file in ``folder``, without a name or removed at once: permissions do not tell of a
    read-only disk."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise _failure(path, problem, f" in {folder}") from problem


def _failure(path: Path, problem: OSError | ValueError, where: str = "") -> CannotWrite:
    why = getattr(problem, "strerror", None) or problem
    return CannotWrite(f"{path}: cannot be written: {why}{where}; choose another place")
