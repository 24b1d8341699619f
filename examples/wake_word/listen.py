"""Listen for a wake word: sound, features, streaming network, sliding window, threshold.

python examples/wake_word/listen.py sound.wav
python examples/wake_word/listen.py sound.wav --model okay_nabu --executor rtl
arecord -t raw -f S16_LE -r 16000 -c 1 | python examples/wake_word/listen.py -
"""

import argparse
import contextlib
import shlex
import sys
import wave
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from front_end import CHUNK_BYTES, FEATURES, Step, frames, steps
from sound import RATE
from wake_words import Detector, WakeWord, find

import accel
from accel.errors import ToolError, UserError
from accel.executable import Executable
from accel.numeric.affine import Affine, dequantize
from accel.ports import SIMULATED


class UnusableSound(UserError):
    """The sound cannot be listened to."""


class UnusableNetwork(UserError):
    """The network does not take features a step and give a probability."""


@dataclass(frozen=True)
class Heard:
    """What one step came to: ``mean`` is that of the sliding window."""

    seconds: float
    probability: float
    mean: float
    word: bool
    cycles: int
    measured: bool
    took_seconds: float


def from_wav(path: Path) -> Iterator[bytes]:
    """The samples of a WAV file in parts of 10 ms. Raises ``UnusableSound``."""
    command = f"ffmpeg -i {shlex.quote(str(path))} -ar {RATE} -ac 1 -c:a pcm_s16le mended.wav"
    try:
        with path.open("rb") as file, wave.open(file) as sound:
            found = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            if found != (RATE, 1, 2):
                rate, channels, width = found
                raise UnusableSound(
                    f"{path}: must have {RATE:,} Hz, one channel and 16 bits, not {rate:,} Hz, "
                    f"{channels} channels and {8 * width} bits: the front end takes nothing else; "
                    f"{command} makes such a file"
                )
            while part := sound.readframes(CHUNK_BYTES // 2):
                yield part
    except OSError as problem:
        raise UnusableSound(
            f"{path}: cannot be read: {problem.strerror or problem}; give a WAV file, or - for "
            "standard input"
        ) from problem
    except (wave.Error, EOFError) as problem:
        raise UnusableSound(
            f"{path}: is no WAV file of PCM samples ({problem or 'it is cut off'}); if it is "
            f"sound, {command} makes one of it"
        ) from problem


def from_standard_input() -> Iterator[bytes]:
    """Raw samples, as they come."""
    while part := sys.stdin.buffer.read(CHUNK_BYTES):
        yield part


def step_frames(program: Executable) -> int:
    """Frames that the network takes a step. Raises ``UnusableNetwork``."""
    shapes = [list(port.shape) for port in program.inputs]
    sizes = [list(port.shape) for port in program.outputs]
    if [shape[1:] for shape in shapes] != [[FEATURES]] or sizes != [[1]]:
        raise UnusableNetwork(
            f"{program.name}: must take [frames, {FEATURES}] and give one probability, not take "
            f"{shapes} and give {sizes}"
        )
    if not program.states:
        raise UnusableNetwork(
            f"{program.name}: has no state, so it does not know the steps before; export its "
            "streaming form"
        )
    return shapes[0][0]


def listen(
    program: Executable,
    word: WakeWord,
    sound: Iterable[bytes],
    executor: str = "machine",
    port: str | None = None,
    baud: int | None = None,
) -> Iterator[Heard]:
    """Each step of the sound as it is answered. Raises ``UserError`` and ``ToolError``."""
    takes, gives = program.inputs[0], program.outputs[0]
    detector, pending = Detector(word.cutoff, word.window), deque[Step]()

    def codes() -> Iterator:
        code = Affine(takes.scale, takes.zero_point)
        for step in steps(frames(sound), step_frames(program), code):
            pending.append(step)
            yield step.codes

    for answer in program.stream(codes(), executor, port=port, baud=baud):
        seconds = pending.popleft().seconds
        probability = dequantize(answer.output, gives.scale, gives.zero_point).item()
        word_here = detector.hears(probability, seconds)
        yield Heard(
            seconds,
            probability,
            detector.mean,
            word_here,
            answer.cycles,
            answer.measured,
            answer.seconds,
        )


@dataclass
class Tally:
    """What all steps came to."""

    steps: int = 0
    words: int = 0
    took_seconds: float = 0.0
    last: Heard | None = None

    def add(self, heard: Heard) -> None:
        self.steps += 1
        self.words += heard.word
        self.took_seconds += heard.took_seconds
        self.last = heard


def costs(program: Executable, step_ms: float, last: Heard | None = None) -> list[str]:
    """Lines about what a step takes, of the time and the energy that there are for it."""
    report, timing = program.report(), program.timing()
    cycles, how = report.cycles, "by the cycle model"
    if last and last.measured:
        cycles, how = last.cycles, "counted by the core"
    core, whole = (100 * ms / step_ms for ms in (timing.core_ms, timing.latency_ms))
    energy, used = program.step_energy_uj(step_ms), "not estimated, no power was measured"
    if energy is not None:
        used = (
            f"{energy:.0f} uJ with the core idle between steps, {program.energy_uj:.0f} of it at "
            "work (an estimate, of the core supply alone)"
        )
    times = f"{timing.core_ms:.3f} ms core + {timing.link_ms:.2f} ms link on {program.board}"
    on_line = f"{report.state_line_bytes} of them on the line"
    return [
        f"a step: {cycles:,} cycles, {how}: {times}",
        f"share of real time: {core:.1f} % core, {whole:.1f} % with the link, of {step_ms:g} ms",
        f"energy a step: {used}",
        f"states: {report.state_bytes:,} bytes in the core's memory, {on_line}",
    ]


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Listen for a wake word.")
    parser.add_argument(
        "sound",
        help="a WAV file of 16 kHz, 16 bits, mono; - takes raw samples from standard input",
    )
    parser.add_argument(
        "--model",
        default="two_tones",
        metavar="NAME",
        help="a wake word of pymicro-wakeword, such as okay_nabu, or the JSON file of another; "
        "the word of sound.py if not given",
    )
    parser.add_argument("--board", "-b", default="icebreaker", help="default: %(default)s")
    parser.add_argument(
        "--executor", "-e", default="machine", choices=("machine", "rtl", "pysim", "board")
    )
    parser.add_argument("--port", help="of --executor board; sim is a simulated board")
    parser.add_argument("--baud", type=int, help="its rate, if it is not the board's")
    parser.add_argument("--cutoff", type=float, help="another than the wake word's")
    parser.add_argument("--window", type=int, help="steps, if not the wake word's")
    parser.add_argument("--show", action="store_true", help="print every step")
    found = parser.parse_args(arguments)
    if found.executor != "board" and (found.port or found.baud):
        parser.error(f"--port and --baud are for --executor board, not {found.executor}")
    if found.window is not None and found.window < 1:
        parser.error(f"--window must be 1 step or more, not {found.window}")
    return found


def run(options: argparse.Namespace) -> None:
    """Print when the word is heard, and in the end what that takes."""
    word = find(options.model)
    cutoff = word.cutoff if options.cutoff is None else options.cutoff
    word = replace(word, cutoff=cutoff, window=options.window or word.window)
    sound = from_standard_input() if options.sound == "-" else from_wav(Path(options.sound))
    with accel.compile(word.model, board=options.board) as program:
        step_ms, tally = step_frames(program) * word.step_ms, Tally()
        print(f"{word.spoken!r} on {options.executor}: mean of {word.window} above {word.cutoff:g}")
        with contextlib.suppress(KeyboardInterrupt):
            for one in listen(program, word, sound, options.executor, options.port, options.baud):
                tally.add(one)
                if options.show:
                    print(f"{one.seconds:8.2f} s  {one.probability:.3f}  mean {one.mean:.3f}")
                if one.word:
                    print(f"heard at {one.seconds:.2f} s, mean {one.mean:.3f}", flush=True)
        print(f"{tally.steps:,} steps of {step_ms} ms, heard {tally.words} times")
        if options.executor == "board" and tally.steps:
            mean = 1e3 * tally.took_seconds / tally.steps
            what = "the simulation" if options.port == SIMULATED else "the board with its link"
            print(f"{what} took {mean:.2f} ms a step")
        print("\n".join(costs(program, step_ms, tally.last)))


def main(arguments: list[str] | None = None) -> int:
    options = options_of(arguments)
    try:
        run(options)
    except (UserError, ToolError) as problem:
        print(problem, file=sys.stderr)
        return 2 if isinstance(problem, UserError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
