"""``accel export c``"""

from pathlib import Path

from accel.cli.export._program import Exported, Folder, ProgramArgument, export
from accel.cli.options import groups


def c(
    program: ProgramArgument,
    output: Folder,
    target: groups.TargetOptions,
    network: groups.NetworkOptions,
    json_file: groups.Json = None,
) -> None:
    """Export a program with a driver in C99: no heap, either endianness, over any transport.

    DIR gets accel.h and accel.c (the driver), accel_nodes.c (what networks do
    outside of the core), program.h and program.c (this network), main.c (an
    example) and README.md. A program whose driver has other nodes than softmax,
    quantize, dequantize, argmax and reshape is refused, and they are named.

    FILE says what was exported, and the paths of the files.

    \b
    accel export c model.tflite --board icebreaker -o driver
    """

    def write(exported: Exported, folder: Path) -> list[str]:
        from accel.export.c.write import write_c

        baud = exported.board.link.baud
        return write_c(exported.description, folder, baud=baud, flash=exported.flash)

    export(program, output, target, network, json_file, write)
