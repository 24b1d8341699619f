"""Whether the next input can be sent while the core still works, and from when on."""

from collections.abc import Iterator

from accel.compiler.memory.allocation import overwritten
from accel.compiler.program.program import CoreProgram
from accel.config import FLASH

Region = tuple[int, int, int]  # bank, first word, word after the last


def free_after(program: CoreProgram) -> int:
    """The layers after which nothing uses the place of any input before the run is over."""
    places = [_tensor(program, source.tensor) for source in program.inputs]
    used = 0
    for number in range(len(program.commands)):
        touched = _touched(program, number)
        if any(_meet(region, place) for region in touched for place in places):
            used = number + 1
    return used


def input_banks(program: CoreProgram) -> set[int]:
    """The banks in which inputs lie."""
    return {program.placement(source.tensor).bank for source in program.inputs}


def _touched(program: CoreProgram, number: int) -> Iterator[Region]:
    """What a layer reads or writes, or what is copied while it runs."""
    rows = program.config.rows
    command, chunk = program.commands[number], program.chunks[number]
    tensors = [command.source, command.output, *overwritten(command)]
    yield from (_tensor(program, name) for name in tensors)
    if chunk.bank != FLASH:
        yield chunk.bank, chunk.address, chunk.address + len(chunk.data) // rows
    transfer = program.transfers[number]
    if transfer:
        yield transfer.bank, transfer.address, transfer.address + transfer.size // rows


def _tensor(program: CoreProgram, name: str) -> Region:
    # Some tensors are only between layers, and have no name in the network.
    place = program.memory.tensors.get(name) or program.placement(name)
    return place.bank, place.address, place.address + place.layout.words(program.config.rows)


def _meet(a: Region, b: Region) -> bool:
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]
