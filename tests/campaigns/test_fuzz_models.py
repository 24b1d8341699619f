"""Mutated files that are accepted are answered as the runtimes answer them; see `fuzz_models`."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from accel.compiler.frontends import FRONTENDS
from tests.campaigns import fuzz_models
from tests.campaigns.fuzzing import spoil_onnx, spoil_tflite
from tests.campaigns.fuzzing.oracle_process import NoAnswer, OracleProcess
from tests.campaigns.fuzzing.seeds import seeds
from tests.support.networks.onnx.edits import small_model

ROOT = Path(__file__).resolve().parents[2]
SEED, COUNT = 13, 300


@pytest.fixture(scope="module")
def files():
    return seeds(1, False)


def test_files_that_are_accepted_are_answered_as_the_runtime_does(tmp_path):
    """In a process of its own, whose memory is bounded."""
    results = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", "tests.campaigns.fuzz_models", "--own", "--examples", "1"]
    command += ["--seed", str(SEED), "--count", str(COUNT), "--results", str(results)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = fuzz_models.recorded(results, SEED)
    assert sum(o["what"] in fuzz_models.COMPARED for o in outcomes.values()) == COUNT
    # All is there: nothing is tried again.
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.stdout.splitlines()[0].startswith(f"{len(outcomes)} cases, {COUNT} compared")


def test_a_case_is_always_the_same():
    """In processes of their own, as campaigns run: what is drawn goes by the modules loaded,
    too."""
    code = (
        "import hashlib; from tests.campaigns import fuzz_models as f;"
        "from tests.campaigns.fuzzing import seeds;"
        "files = seeds.seeds(1, False);"
        "print(hashlib.sha256(b''.join(f.case(files, 5, n)[1] for n in range(40))).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_seeds_are_valid_files(files):
    for format, named in files.items():
        for name, data in named.items():
            FRONTENDS[format].read(data, name)


def test_every_field_of_a_flatbuffer_is_found_and_changed(files):
    data = files["tflite"]["conv2d 0"]
    known = {field.name for field in spoil_tflite.fields(spoil_tflite._unpacked(data))}
    assert {
        "Model.version",
        "OperatorCode.builtinCode",
        "SubGraph.inputs",
        "Operator.inputs",
        "Operator.opcodeIndex",
        "Conv2DOptions.padding",
        "Conv2DOptions.dilationWFactor",
        "Conv2DOptions.fusedActivationFunction",
        "Tensor.shape",
        "Tensor.type",
        "Tensor.buffer",
        "Tensor.name",
        "Tensor.sparsity",
        "QuantizationParameters.scale",
        "QuantizationParameters.zeroPoint",
        "QuantizationParameters.quantizedDimension",
        "Buffer.data",
        "Buffer.offset",
    } <= known
    changed = set()
    for number in range(700):
        spoilt, names = spoil_tflite.spoilt_fields(data, random.Random(number))
        changed |= set(names.split(",")) if spoilt != data else set()
    # Of what this file has nothing of, not every list can be made up.
    assert all(name.startswith("Model.") for name in known - changed)


def test_places_are_those_of_the_numbers_that_readers_use(files):
    data = files["tflite"]["conv2d 0"]
    found = {place.name for place in spoil_tflite.places(data)}
    assert {"Conv2DOptions.StrideW", "Tensor.Buffer", "ScaleAsNumpy[]"} <= found
    for place in spoil_tflite.places(data):
        assert 0 <= place.position <= len(data) - place.size


def test_attributes_of_onnx_that_no_seed_has_are_tried():
    tried = set()
    for number in range(600):
        data, _ = spoil_onnx.spoilt_meaning(
            small_model().SerializeToString(), random.Random(number)
        )
        for node in onnx.ModelProto.FromString(data).graph.node:
            tried |= {attribute.name for attribute in node.attribute}
    assert {"auto_pad", "dilations", "group", "strides", "saturate", "block_size"} <= tried


def test_a_crash_of_an_oracle_is_no_answer():
    oracle = OracleProcess()
    x = np.zeros((1, 1), np.int8)
    try:
        for runtime in ("tflm", "onnx ALL"):
            for _ in range(2):
                with pytest.raises(NoAnswer):
                    oracle.ask(runtime, b"TFL3" * 50, [x])
    finally:
        oracle.close()
