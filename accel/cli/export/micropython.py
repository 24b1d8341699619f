"""``accel export micropython``"""

from pathlib import Path

from accel.cli.export._program import Exported, Folder, ProgramArgument, export
from accel.cli.options import groups


def micropython(
    program: ProgramArgument,
    output: Folder,
    target: groups.TargetOptions,
    network: groups.NetworkOptions,
    json_file: groups.Json = None,
) -> None:
    """Export a program with a driver for MicroPython, which CPython runs, too.

    DIR gets accel_driver.py (the driver), accel_links.py (UART and SPI),
    accel_nodes.py (what networks do outside of the core), program.dat (this
    network), example.py and README.md.
    A program whose driver has other nodes than softmax, quantize, dequantize,
    argmax and reshape is refused, and they are named.

    FILE says what was exported, and the paths of the files.

    \b
    accel export micropython model.tflite --board icebreaker -o driver
    """

    def write(exported: Exported, folder: Path) -> list[str]:
        from accel.export.micropython.write import write_micropython

        baud = exported.board.link.baud
        return write_micropython(exported.description, folder, baud=baud, flash=exported.flash)

    export(program, output, target, network, json_file, write)
