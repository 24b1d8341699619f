"""Sound made of tones and noise, without a recording of anybody: a word, what is like it, and not.

The word is two tones that rise, one after the other. Samples are float64, 1.0 is full scale.

    python examples/wake_word/sound.py -o sound.wav
    python examples/wake_word/sound.py --no-word -o noise.wav
"""

import argparse
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

RATE = 16_000  # samples a second, which the front end takes
SEED = 5
SECONDS = 6.0
WORD_AT = 3.6  # seconds
OTHERS_AT = {0.8: "rise, fall", 2.0: "one rise", 5.0: "fall, fall"}


@dataclass(frozen=True)
class Tone:
    """A sweep: from one frequency to another, in hertz, in so many seconds."""

    begin: float
    end: float
    seconds: float = 0.15


@dataclass(frozen=True)
class Voice:
    """How something is said: how high, how fast, how loud."""

    pitch: float = 1.0
    pace: float = 1.0
    level: float = 0.2


PAUSE = 0.04  # seconds
LOW_RISE, HIGH_RISE = Tone(500, 1000), Tone(1200, 2400)
LOW_FALL, HIGH_FALL = Tone(1000, 500), Tone(2400, 1200)
WORD = (LOW_RISE, HIGH_RISE)
OTHERS = {
    "one rise": (LOW_RISE,),
    "high rise": (HIGH_RISE,),
    "rise, fall": (LOW_RISE, HIGH_FALL),
    "fall, rise": (LOW_FALL, HIGH_RISE),
    "fall, fall": (LOW_FALL, HIGH_FALL),
    "backwards": (HIGH_RISE, LOW_RISE),
    "low twice": (LOW_RISE, LOW_RISE),
    "high twice": (HIGH_RISE, HIGH_RISE),
    "steady": (Tone(800, 800), Tone(1700, 1700)),
    "long": (replace(LOW_RISE, end=2400, seconds=0.34),),
}


def spoken(tones: tuple[Tone, ...], voice: Voice = Voice()) -> np.ndarray:
    """The tones with pauses between them, each faded in and out."""
    pause = np.zeros(round(RATE * PAUSE / voice.pace))
    parts: list[np.ndarray] = []
    for tone in tones:
        length = round(RATE * tone.seconds / voice.pace)
        hertz = voice.pitch * np.linspace(tone.begin, tone.end, length)
        fade = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / 160)
        parts += [voice.level * fade * np.sin(2 * np.pi * np.cumsum(hertz) / RATE), pause]
    return np.concatenate(parts[:-1])


def noise(seconds: float, level: float, random: np.random.Generator) -> np.ndarray:
    """White noise of a standard deviation."""
    return random.normal(scale=level, size=round(RATE * seconds))


def placed(sound: np.ndarray, part: np.ndarray, at: float) -> float:
    """Add a part to a sound from a time on; return the second at which it ends."""
    start = round(RATE * at)
    sound[start : start + len(part)] += part
    return at + len(part) / RATE


def scene(word: bool = True, seed: int = SEED) -> tuple[np.ndarray, float | None]:
    """Noise with things like the word in it, and the word once, or not; the second of its end."""
    sound = noise(SECONDS, 0.01, np.random.default_rng(seed))
    for at, name in OTHERS_AT.items():
        placed(sound, spoken(OTHERS[name]), at)
    return sound, placed(sound, spoken(WORD), WORD_AT) if word else None


def pcm(sound: np.ndarray) -> bytes:
    """Samples of 16 bits, little endian."""
    return np.clip(np.round(sound * 32768), -32768, 32767).astype("<i2").tobytes()


def write_wav(path: Path, sound: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm(sound))


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a WAV with a word of two tones in it.")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--no-word", action="store_true", help="all but the word")
    parser.add_argument("--seed", type=int, default=SEED, help="of the noise")
    options = parser.parse_args()
    sound, end = scene(not options.no_word, options.seed)
    write_wav(options.output, sound)
    what = "without the word" if end is None else f"the word ends at {end:.2f} s"
    print(f"{options.output}: {len(sound) / RATE:.1f} s, {what}")


if __name__ == "__main__":
    main()
