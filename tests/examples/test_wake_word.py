"""A wake word, end to end: features, codes and means are `pymicro-wakeword`'s, answers TFLite
Micro's in RTL and on a simulated board, and the word is heard once."""

import ctypes
import re
import subprocess
import sys
import wave
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import accel
from accel.numeric.affine import Affine, dequantize
from tests.support.oracles.tflm import tflm

FOLDER = Path(__file__).resolve().parents[2] / "examples/wake_word"
README = (FOLDER / "README.md").read_text()
BORROWED = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")
STEP_MS = 30
BANDS = ((250, 900), (900, 2500), (2300, 3500))  # hertz, of a vowel's resonances
AROUND_THE_WORD = slice(int(3.4 * 16_000), int(4.3 * 16_000))

needs_front_end = pytest.mark.skipif(
    find_spec("pymicro_features") is None, reason="needs the package pymicro-features"
)
needs_wake_words = pytest.mark.skipif(
    find_spec("pymicro_wakeword") is None, reason="needs the package pymicro-wakeword"
)


@pytest.fixture(scope="module")
def scripts():
    """The example's modules, which import each other from their folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import front_end
        import listen
        import sound
        import streaming
        import train
        import wake_words

        yield SimpleNamespace(
            front_end=front_end,
            listen=listen,
            sound=sound,
            streaming=streaming,
            train=train,
            wake_words=wake_words,
        )
        for name in ("front_end", "listen", "sound", "streaming", "train", "wake_words"):
            sys.modules.pop(name)


@pytest.fixture
def wav(scripts, tmp_path):
    scripts.sound.write_wav(tmp_path / "sound.wav", scripts.sound.scene()[0])
    return tmp_path / "sound.wav"


@lru_cache
def compiled(path: Path) -> accel.Program:
    return accel.compile(path, board="icebreaker")


def heard(scripts, name: str, sound: np.ndarray, *how: str) -> list:
    word = scripts.wake_words.find(name)
    return list(scripts.listen.listen(compiled(word.model), word, [scripts.sound.pcm(sound)], *how))


def codes(scripts, name: str, sound: np.ndarray) -> np.ndarray:
    """All steps of a sound as the network takes them."""
    program = compiled(scripts.wake_words.find(name).model)
    (port,) = program.inputs
    found = scripts.front_end.frames([scripts.sound.pcm(sound)])
    code = Affine(port.scale, port.zero_point)
    return np.concatenate(
        [step.codes for step in scripts.front_end.steps(found, port.shape[0], code)]
    )


def babble(seconds: float = 3.6) -> np.ndarray:
    """Buzzes through resonances, like vowels: all networks find a little of their word in it."""
    random, rate = np.random.default_rng(2), 16_000
    sound, at = random.normal(scale=0.003, size=12 * rate), 0
    while at < seconds * rate:
        length = int(random.integers(1000, 3200))
        pitch = random.uniform(90, 250)
        resonances = np.array([random.uniform(*band) for band in BANDS])
        glide = np.linspace(1, random.uniform(0.8, 1.2), length)
        phase = 2 * np.pi * np.cumsum(pitch * glide) / rate
        for harmonic in range(1, int(4000 / pitch)):
            gain = (1 / (1 + ((harmonic * pitch - resonances) / 100) ** 2)).sum()
            part = 0.1 * gain * np.hanning(length) ** 0.3
            sound[at : at + length] += part * np.sin(harmonic * phase)
        at += length + int(random.integers(0, 1500))
    return sound[: round(seconds * rate)]


# What is heard.


@needs_front_end
@pytest.mark.parametrize("seed", (5, 6))
def test_the_word_is_heard_once_right_after_its_end(scripts, seed):
    sound, end = scripts.sound.scene(seed=seed)
    (when,) = (step.seconds for step in heard(scripts, "two_tones", sound) if step.word)
    assert end < when < end + 0.3


@needs_front_end
@pytest.mark.parametrize("seed", (5, 6))
def test_nothing_is_heard_without_the_word(scripts, seed):
    sound, end = scripts.sound.scene(word=False, seed=seed)
    assert end is None
    assert not any(step.word for step in heard(scripts, "two_tones", sound))


def test_a_word_is_heard_when_the_window_is_full_and_then_not_for_a_second(scripts):
    detector = scripts.wake_words.Detector(0.5, window=3)
    answers = [detector.hears(1.0, 0.25 * step) for step in range(12)]
    assert [step for step, said in enumerate(answers) if said] == [2, 6, 10]
    assert not scripts.wake_words.Detector(1.0, window=1).hears(1.0, 0.0)


# Answers are those of others.


class TfliteMicro:
    """Stands in the place of the package's own interpreter, whose kernels round otherwise."""

    def __init__(self, inputs: np.ndarray, answers: np.ndarray):
        self.inputs, self.answers, self.step = inputs, answers, -1

    def TfLiteTensorCopyFromBuffer(self, tensor, pointer, size):
        self.step += 1
        assert ctypes.string_at(pointer, size) == self.inputs[self.step].tobytes()

    def TfLiteInterpreterInvoke(self, interpreter):
        pass

    def TfLiteTensorByteSize(self, tensor):
        return self.answers[self.step].nbytes

    def TfLiteTensorCopyToBuffer(self, tensor, pointer, size):
        ctypes.memmove(pointer, self.answers[self.step].tobytes(), size)


@needs_front_end
@needs_wake_words
@pytest.mark.parametrize("name", BORROWED)
def test_features_codes_and_means_are_the_packages_and_answers_tflite_micros(
    scripts, name, monkeypatch
):
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    sound, word = babble(), scripts.wake_words.find(name)
    x = codes(scripts, name, sound)
    theirs = MicroWakeWord.from_builtin(Model(name))
    monkeypatch.setattr(theirs, "lib", TfliteMicro(x, tflm(word.model.read_bytes(), x)))
    assert (word.cutoff, word.window) == (theirs.probability_cutoff, theirs.sliding_window_size)
    features = MicroWakeWordFeatures().process_streaming(scripts.sound.pcm(sound))
    means = [theirs.process_streaming_prob(frame) for frame in features]
    means = means[theirs.stride - 1 :: theirs.stride]
    assert sum(mean > 0 for mean in means) >= 5
    assert [step.mean for step in heard(scripts, name, sound)] == means


@needs_front_end
def test_the_front_end_takes_sound_in_parts_of_any_length(scripts):
    data = scripts.sound.pcm(scripts.sound.scene()[0][:16_000])
    whole = list(scripts.front_end.frames([data]))
    parts = list(scripts.front_end.frames(data[at : at + 7] for at in range(0, len(data), 7)))
    assert [frame.seconds for frame in parts] == [frame.seconds for frame in whole]
    np.testing.assert_array_equal(
        [frame.features for frame in parts], [frame.features for frame in whole]
    )


@needs_front_end
@pytest.mark.xdist_group("icebreaker")
@pytest.mark.parametrize("how", [("machine",), ("rtl",), ("board", "sim")])
def test_every_executor_answers_like_the_reference_and_tflite_micro(scripts, how):
    sound = scripts.sound.scene()[0][AROUND_THE_WORD]
    steps = heard(scripts, "two_tones", sound, *how)
    x, program = codes(scripts, "two_tones", sound), compiled(FOLDER / "two_tones.tflite")
    (gives,) = program.outputs
    reference = program.run(x, "reference").output
    np.testing.assert_array_equal(reference, tflm((FOLDER / "two_tones.tflite").read_bytes(), x))
    expected = dequantize(reference, gives.scale, gives.zero_point)
    assert [step.probability for step in steps] == expected.ravel().tolist()
    assert sum(step.word for step in steps) == 1
    assert {step.measured for step in steps} == {how != ("machine",)}
    assert {step.cycles for step in steps} == {program.report().cycles}


# What it costs.


@needs_wake_words
def test_a_step_of_okay_nabu_takes_no_more_than_35_000_cycles(scripts):
    report = compiled(scripts.wake_words.find("okay_nabu").model).report()
    assert report.cycles <= 35_000


@pytest.mark.parametrize("name", ("two_tones", *BORROWED))
def test_the_figures_are_the_readmes_and_no_state_crosses_the_line(scripts, name):
    if name not in scripts.wake_words.known():
        pytest.skip("needs the package pymicro-wakeword")
    program = compiled(scripts.wake_words.find(name).model)
    report, timing = program.report(), program.timing()
    assert report.state_bytes > 0
    assert report.state_line_bytes == 0
    figures = (
        f"{report.cycles:,}",
        f"{timing.core_ms:.3f}",
        f"{timing.latency_ms:.2f}",
        f"{100 * timing.latency_ms / STEP_MS:.1f} %",
        f"{program.step_energy_uj(STEP_MS):.0f}",
        f"{program.energy_uj:.0f}",
        f"{report.state_bytes:,}",
        "0",
    )
    assert f"| `{name}` | {' | '.join(figures)} |" in README


@needs_front_end
def test_what_is_printed_is_what_the_readme_shows(scripts, wav, capsys):
    assert scripts.listen.main([str(wav)]) == 0
    (shown,) = re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert capsys.readouterr().out == shown


# The network.


def test_gradients_are_the_differences_of_the_loss(scripts):
    streaming, random = scripts.streaming, np.random.default_rng(0)
    width = streaming.FRAMES * streaming.FEATURES
    x, labels, share = random.random((2, 25, width)), random.random((2, 25)) > 0.5, 0.1
    params = {name: (w, b + 0.1) for name, (w, b) in streaming.initial_params(random).items()}
    found = streaming.gradients(params, x, labels, share)

    def loss(name: str, part: int, index: tuple, by: float) -> float:
        changed = [array.copy() for array in params[name]]
        changed[part][index] += by
        p = streaming.forward({**params, name: tuple(changed)}, x).probabilities
        return -(share * np.log(np.where(labels, p, 1 - p))).sum()

    for name, pair in found.items():
        for part, slopes in enumerate(pair):
            index = tuple(random.integers(size) for size in slopes.shape)
            slope = (loss(name, part, index, 1e-5) - loss(name, part, index, -1e-5)) / 2e-5
            assert slopes[index] == pytest.approx(slope, rel=1e-5, abs=1e-9), name


@needs_front_end
def test_training_makes_the_files(tmp_path):
    command = [sys.executable, FOLDER / "train.py", "--sounds", "16", "--epochs", "1"]
    done = subprocess.run(
        [*command, "--output", tmp_path], capture_output=True, text=True, check=True
    )
    assert re.match(r"held-out steps: 0\.\d+ right", done.stdout)
    assert (tmp_path / "two_tones.json").read_text() == (FOLDER / "two_tones.json").read_text()
    made, ours = compiled(tmp_path / "two_tones.tflite"), compiled(FOLDER / "two_tones.tflite")
    assert made.report().cycles == ours.report().cycles
    assert (FOLDER / "two_tones.tflite").stat().st_size < 50_000


# What cannot be listened to.


def refused(scripts, capsys, *arguments: object) -> str:
    assert scripts.listen.main([str(one) for one in arguments]) == 2
    return capsys.readouterr().err


def test_a_wav_of_another_rate_is_refused_with_a_remedy(scripts, tmp_path, capsys):
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes(bytes(400))
    message = refused(scripts, capsys, tmp_path / "x.wav")
    assert "not 44,100 Hz, 2 channels and 16 bits" in message
    assert "ffmpeg" in message


@pytest.mark.parametrize("content", (b"", b"no sound at all", None))
def test_what_is_no_wav_is_refused(scripts, tmp_path, capsys, content):
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    assert refused(scripts, capsys, path).startswith(f"{path}: ")


@needs_front_end
def test_a_wav_that_is_cut_off_is_heard_as_far_as_it_goes(scripts, wav, capsys):
    whole = wav.read_bytes()
    wav.write_bytes(whole[: len(whole) // 2 + 1])
    assert scripts.listen.main([str(wav)]) == 0
    assert "heard 0 times" in capsys.readouterr().out


def test_an_unknown_wake_word_is_told_which_there_are(scripts, wav, capsys):
    message = refused(scripts, capsys, wav, "--model", "computer")
    assert "two_tones" in message
    assert "not computer" in message


@pytest.mark.parametrize(
    "content", ("", "[]", "{}", '{"wake_word": "x", "micro": {}}', '{"micro":1}')
)
def test_a_json_that_describes_no_wake_word_is_refused(scripts, wav, tmp_path, capsys, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    assert f"{path}: is not the JSON of a wake word" in refused(
        scripts, capsys, wav, "--model", path
    )


def test_a_network_without_a_state_is_refused(scripts, wav, tmp_path, capsys):
    model = FOLDER.parent / "digits/digits_int8.tflite"
    text = (FOLDER / "two_tones.json").read_text().replace("two_tones.tflite", str(model))
    (tmp_path / "x.json").write_text(text)
    message = refused(scripts, capsys, wav, "--model", tmp_path / "x.json")
    assert "must take [frames, 40] and give one probability" in message


def test_without_the_front_end_it_says_what_to_install(scripts, wav, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pymicro_features", None)
    assert scripts.listen.main([str(wav)]) == 1
    assert 'pip install "pymicro-features>=2"' in capsys.readouterr().err
