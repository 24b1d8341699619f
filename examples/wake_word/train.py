"""Train a small streaming network on the word of sound.py, and write it as TFLite with its states.

Writes two_tones.tflite and two_tones.json beside this file: the network, and how it is to be
listened to, in the form that microWakeWord has for that.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from front_end import frames
from sound import OTHERS, WORD, Voice, noise, pcm, placed, spoken
from streaming import FRAMES, LOUDEST, Params, forward, gradients, initial_params, quantize

from accel.compiler.tflite_export.writer import write
from accel.errors import ToolError

NAME = "two_tones"
SEED = 3
SECONDS = 4.0
STEP_SECONDS = 0.01 * FRAMES
LISTENS = 9  # steps after the end of the word in which the network is to say so
HELD = 2  # steps around these that may be either
CUTOFF, WINDOW = 0.7, 5


def voice(random: np.random.Generator) -> Voice:
    return Voice(
        pitch=random.uniform(0.9, 1.1),
        pace=random.uniform(0.9, 1.1),
        level=np.exp(random.uniform(np.log(0.05), np.log(0.5))),
    )


def sounds(count: int, random: np.random.Generator) -> Iterator[tuple[np.ndarray, list[float]]]:
    """Noise of some level with words and what is like them; with the seconds at which words end."""
    others = list(OTHERS.values())
    for _ in range(count):
        sound = noise(SECONDS, np.exp(random.uniform(np.log(1e-4), np.log(0.02))), random)
        ends, at = [], random.uniform(0, 1)
        while at < SECONDS - 0.6:
            word = random.random() < 0.5
            said = WORD if word else others[random.integers(len(others))]
            end = placed(sound, spoken(said, voice(random)), at)
            ends += [end] * word
            at = end + random.uniform(0.25, 1)
        yield sound, ends


def examples(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features ``[count, steps, FRAMES * FEATURES]``, labels ``[count, steps]``, and the share that
    each step has in what is learnt."""
    x, labels, shares = [], [], []
    for sound, ends in sounds(count, random):
        found = list(frames([pcm(sound)]))
        steps = len(found) // FRAMES
        rows = np.stack([frame.features for frame in found[: FRAMES * steps]])
        x.append(rows.reshape(steps, -1) / LOUDEST)
        now = np.array([found[FRAMES * step + FRAMES - 1].seconds for step in range(steps)])
        since = np.array([(now - end) / STEP_SECONDS for end in [*ends, -1e9]])
        said = ((since > 0) & (since <= LISTENS)).any(axis=0)
        near = ((since > -HELD) & (since <= LISTENS + HELD)).any(axis=0)
        labels.append(said)
        shares.append(np.where(said, 3.0, np.where(near, 0.0, 1.0)))
    return np.stack(x), np.stack(labels).astype(float), np.stack(shares)


def train(params: Params, data: tuple, random: np.random.Generator, epochs: int) -> Params:
    """With Adam, sixteen sounds at a time."""
    batch, step, rate = 16, 0, 4e-3
    x, labels, shares = data
    moments = {name: [np.zeros((2, *p.shape)) for p in pair] for name, pair in params.items()}
    steps = epochs * (len(x) // batch)
    for _ in range(epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            chosen = order[start : start + batch]
            share = shares[chosen] / shares[chosen].sum()
            slopes, step = gradients(params, x[chosen], labels[chosen], share), step + 1
            now = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            for name, pair in params.items():
                updated = []
                for value, slope, moment in zip(pair, slopes[name], moments[name], strict=True):
                    moment[0] += 0.1 * (slope - moment[0])
                    moment[1] += 0.001 * (slope**2 - moment[1])
                    mean, square = moment[0] / (1 - 0.9**step), moment[1] / (1 - 0.999**step)
                    updated.append(value - now * mean / (np.sqrt(square) + 1e-8))
                params = {**params, name: tuple(updated)}
    return params


def manifest() -> dict:
    """How the network is to be listened to, as microWakeWord's JSON (version 2) has it."""
    return {
        "type": "micro",
        "wake_word": "two rising tones",
        "model": f"{NAME}.tflite",
        "trained_languages": [],
        "version": 2,
        "micro": {
            "probability_cutoff": CUTOFF,
            "feature_step_size": 10,
            "sliding_window_size": WINDOW,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the network of the word of two tones.")
    parser.add_argument("--sounds", type=int, default=240)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, metavar="DIR")
    options = parser.parse_args()

    random = np.random.default_rng(SEED)
    data, held_out = examples(options.sounds, random), examples(options.sounds // 4, random)
    params = train(initial_params(random), data, random, options.epochs)
    x, labels, shares = held_out
    right = (forward(params, x).probabilities > 0.5) == labels
    print(f"held-out steps: {(right * shares).sum() / shares.sum():.4f} right")
    model = write(quantize(params, data[0], NAME))
    (options.output / f"{NAME}.tflite").write_bytes(model)
    (options.output / f"{NAME}.json").write_text(json.dumps(manifest(), indent=2) + "\n")
    print(f"{NAME}.tflite: {len(model):,} bytes")


if __name__ == "__main__":
    try:
        main()
    except ToolError as problem:
        sys.exit(str(problem))
