"""``accel.open``: a program file as a program that runs, without its model."""

from pathlib import Path

from accel.boards import Board, get
from accel.compiler.program import program_file
from accel.host.rehearsal import rehearse

from .executable import Executable


def open_program(
    path: str | Path, *, board: str | Board | None = None, waves: Path | None = None
) -> Executable:
    """Open a program file, as ``accel compile`` and `Program.save` write it.

    What is returned runs without the model, on every executor but ``reference``, which is the model
    itself. ``board`` is the board, or its name, whose link and clock are meant, if not the one that
    the program was compiled for; ``waves`` is the VCD file that the ``pysim`` executor writes.

    Raises ``BadImage``, which says what is wrong with the file, and ``UnknownBoard``.
    """
    found = get(board) if isinstance(board, str) else board
    code = program_file.load_program(path)
    program_file.answered(path, lambda: rehearse(code))
    return Executable(code, found or code.board, waves, code.labels)
