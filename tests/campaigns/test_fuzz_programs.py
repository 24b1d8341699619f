"""Program files with anything in their description are refused in one report, or loaded and run."""

import json
from functools import partial
from itertools import count

import pytest

import accel
from accel.compiler.program.program_file import BadImage, sealed
from tests.campaigns import fuzz_programs
from tests.campaigns.fuzz_models import warnings_are_errors
from tests.campaigns.fuzzing import workers


def test_spoilt_files_are_refused_or_loaded():
    found = set()
    attempts = workers.tried(partial(fuzz_programs.trial, 1), warnings_are_errors, count(1), 1)
    for number, outcome in attempts:
        found.add(outcome["what"])
        assert found <= {"refused", "loaded"}, outcome
        if number >= 400:
            break
    assert found == {"refused", "loaded"}


def paths(value, path=()):
    """Where everything of a description is; of a list its first entry stands for all."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], (*path, key))
    elif isinstance(value, list) and value:
        yield from paths(value[0], (*path, 0))


ABSENT = ("after", "reader", "board", "band", "transfer", "number", "index", "quantization")
IMAGE, DESCRIPTION, BINARY = fuzz_programs.parts(fuzz_programs.originals()[0])


@pytest.mark.parametrize("path", list(paths(DESCRIPTION)), ids=lambda p: ".".join(map(str, p)))
def test_a_field_of_another_type_is_refused(path, tmp_path):
    for wrong in (None, True, -1, 10**30, 0.5, float("nan"), "\x1b[31m", [], {}, [[]], {"a": 1}):
        description = json.loads(json.dumps(DESCRIPTION))
        parent = description
        for key in path[:-1]:
            parent = parent[key]
        absent = wrong is None and path[-1] in ABSENT
        named = path[-1] == "board" and isinstance(wrong, str)
        if type(parent[path[-1]]) is type(wrong) or absent or named:
            continue
        parent[path[-1]] = wrong
        data = sealed(IMAGE, json.dumps(description).encode(), BINARY)
        (tmp_path / "p.bin").write_bytes(data)
        with pytest.raises(BadImage) as caught:
            accel.open(tmp_path / "p.bin")
        assert len(str(caught.value)) < 1000
