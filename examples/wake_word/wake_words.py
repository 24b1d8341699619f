"""Wake words by name or file: their networks, and what of these is to be heard as the word."""

import json
from collections import deque
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import mean

from accel.advice import how_to_install_package
from accel.errors import UserError

OWN = Path(__file__).parent
PACKAGE = "pymicro_wakeword"
QUIET_SECONDS = 1.0  # after a word, in which nothing is heard


class UnknownWakeWord(UserError):
    """There is no wake word of that name, or the file does not describe one."""


@dataclass(frozen=True)
class WakeWord:
    """A network and how it is to be listened to, as the JSON of microWakeWord says it."""

    name: str
    spoken: str
    model: Path
    cutoff: float
    window: int
    step_ms: int


def known() -> dict[str, Path]:
    """The JSON of each wake word that is here: our own, and those of ``pymicro-wakeword``."""
    found = find_spec(PACKAGE)
    places = [OWN, *(Path(place) / "models" for place in found.submodule_search_locations or ())]
    return {path.stem: path for place in places for path in sorted(place.glob("*.json"))}


def find(name: str) -> WakeWord:
    """The wake word of a name, or of a JSON file. Raises ``UnknownWakeWord``."""
    here = known()
    path = here.get(name, Path(name))
    if not path.is_file():
        more = (
            ""
            if find_spec(PACKAGE)
            else f"; for four more: {how_to_install_package('pymicro-wakeword')}"
        )
        raise UnknownWakeWord(
            f"--model must be one of {', '.join(here)}, or the JSON file beside a network, not "
            f"{name}{more}"
        )
    try:
        entry = json.loads(path.read_text())
        micro = entry["micro"]
        return WakeWord(
            name=path.stem,
            spoken=str(entry["wake_word"]),
            model=path.parent / entry["model"],
            cutoff=float(micro["probability_cutoff"]),
            window=int(micro["sliding_window_size"]),
            step_ms=int(micro["feature_step_size"]),
        )
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise UnknownWakeWord(
            f"{path}: is not the JSON of a wake word (version 2 of microWakeWord's): "
            f"{type(problem).__name__} {problem}; see {OWN / 'two_tones.json'}"
        ) from problem


class Detector:
    """The word is heard where the mean of the newest probabilities is above the cutoff.

    As `pymicro-wakeword` has it, with a pause after each word, which would else be heard in every
    step of its tail.
    """

    def __init__(self, cutoff: float, window: int):
        self.cutoff = cutoff
        self.newest: deque[float] = deque(maxlen=window)
        self.quiet_until = float("-inf")

    @property
    def mean(self) -> float:
        """Of the newest probabilities; 0 until there are enough."""
        return mean(self.newest) if len(self.newest) == self.newest.maxlen else 0.0

    def hears(self, probability: float, seconds: float) -> bool:
        """Take the probability of the step that ends then; say whether the word is heard in it."""
        self.newest.append(probability)
        if self.mean <= self.cutoff or seconds < self.quiet_until:
            return False
        self.quiet_until = seconds + QUIET_SECONDS
        return True
