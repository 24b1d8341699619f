"""A library runs as it was compiled, or is compiled again; a cache is never needed."""

import os
import subprocess
import sys
import textwrap

import pytest

from accel.flow.cache import libraries
from accel.flow.cache.libraries import CannotLoad, library
from accel.sim.rtl.compiled import find_compiler

pytestmark = pytest.mark.skipif(os.name != "posix", reason="compiles for POSIX")

# What it answers, and what it does as soon as it is loaded.
SOURCE = """\
#include <stdio.h>
extern "C" int answer(void) {{ return {answer}; }}
__attribute__((constructor)) static void loaded(void) {{
    if (FILE *file = fopen("{trace}", "a")) {{ fputs("{answer}\\n", file); fclose(file); }}
}}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Two libraries, the bytes of each, and the file in which they say that they were loaded."""
    folder = tmp_path_factory.mktemp("libraries")
    trace = folder / "trace"
    made = []
    for answer in (1, 2):
        source, target = folder / f"{answer}.cc", folder / f"{answer}.so"
        source.write_text(SOURCE.format(answer=answer, trace=trace))
        command = [*find_compiler().command, "-shared", "-fPIC", source, "-o", target]
        subprocess.run(command, check=True, capture_output=True)
        made.append(target.read_bytes())
    return (*made, trace)


@pytest.fixture
def ours(compiled, monkeypatch):
    monkeypatch.setattr(libraries, "_LOADED", {})
    compiled[2].unlink(missing_ok=True)
    return compiled


def maker(data, made):
    def make(folder):
        made.append(folder)
        (folder / "made.so").write_bytes(data)
        return folder / "made.so"

    return make


def answer(folder, data, made):
    return library(folder, "key", maker(data, made)).load().answer()


def test_it_is_compiled_once_and_loaded_again(ours, tmp_path, monkeypatch):
    made = []
    assert answer(tmp_path, ours[0], made) == 1
    monkeypatch.setattr(libraries, "_LOADED", {})
    assert answer(tmp_path, b"", made) == 1
    assert len(made) == 1


def test_two_of_them_are_not_mistaken_for_each_other(ours, tmp_path):
    loaded = [library(tmp_path, f"{n}", maker(ours[n], [])).load() for n in (0, 1)]
    assert [one.answer() for one in loaded] == [1, 2]


def test_a_planted_library_does_not_run(ours, tmp_path):
    made = []
    path = library(tmp_path, "key", maker(ours[0], made)).path
    path.write_bytes(ours[1])
    assert answer(tmp_path, ours[0], made) == 1
    assert ours[2].read_text() == "1\n"
    assert len(made) == 2


def test_what_takes_its_place_after_the_look_at_it_does_not_run(ours, tmp_path):
    found = library(tmp_path, "key", maker(ours[0], []))
    other = library(tmp_path / "other", "key", maker(ours[1], []))
    os.replace(other.path, found.path)
    assert found.load().answer() == 1
    assert ours[2].read_text() == "1\n"


def test_every_bit_counts(ours, tmp_path):
    made = []
    path = library(tmp_path, "key", maker(ours[0], made)).path
    whole = path.read_bytes()
    for at in range(0, 8 * len(whole), 8 * len(whole) // 50):
        spoiled = bytearray(whole)
        spoiled[at // 8] ^= 1 << at % 8
        path.write_bytes(spoiled)
        assert library(tmp_path, "key", maker(ours[0], made)).data == ours[0]
    assert len(made) > 50


@pytest.mark.parametrize("end", [0, 10, 100, 4096, -1])
def test_one_that_its_compiler_has_cut_off_is_refused_and_not_kept(ours, tmp_path, end):
    found = library(tmp_path, "key", maker(ours[0][:end], []))
    with pytest.raises(CannotLoad, match=r"^The compiled library cannot be loaded: "):
        found.load()
    assert not found.path.exists()
    assert answer(tmp_path, ours[0], []) == 1


@pytest.mark.parametrize("memory", [True, False])
def test_a_cache_that_cannot_be_written_costs_speed_only(ours, tmp_path, memory, monkeypatch):
    if not memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    (tmp_path / "file").write_text("")
    made = []
    for _ in range(2):
        monkeypatch.setattr(libraries, "_LOADED", {})
        assert answer(tmp_path / "file" / "cache", ours[0], made) == 1
    assert len(made) == 2
    assert all(not folder.exists() for folder in made)


def test_where_nothing_can_be_compiled_the_remedy_is_told(tmp_path, monkeypatch):
    def full(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(CannotLoad, match=r"^A library cannot be compiled: No space left.*TMPDIR$"):
        library(tmp_path, "key", full)


def test_tests_have_a_cache_of_their_own():
    """Also what they start: nobody's own cache is read or written."""
    program = textwrap.dedent("""
        from accel.flow.cache.store import cache_root
        import platformdirs
        print(cache_root())
        print(platformdirs.user_cache_dir("accel"))
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    root, user = done.stdout.splitlines()
    assert root == os.environ["ACCEL_CACHE"] != user
    assert not root.startswith(user)
