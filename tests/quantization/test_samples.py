"""Samples are what the network takes, or the message says what to do."""

import zipfile

import numpy as np
import pytest

from accel.quantization import samples
from accel.quantization.samples import UnusableSamples, read_samples

SHAPE = (3, 4, 5)


def batch(*shape: int, dtype=np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


def with_nan() -> np.ndarray:
    x = batch(2, *SHAPE)
    x[1, 2, 0, 4] = np.nan
    x[1, 2, 3, 4] = np.inf
    return x


GOOD = batch(6, *SHAPE)
BAD = {
    "no x": ({"y": np.arange(6)}, "has no array named x; write it with numpy.savez(path, x=sam"),
    "float64": (
        {"x": batch(6, *SHAPE, dtype=float)},
        "x is float64, and the network takes float32",
    ),
    "images": (
        {"x": batch(6, *SHAPE, dtype=np.uint8)},
        (
            "x is uint8, and the network takes float32; give it what it was trained with, such as "
            "x.astype(numpy.float32) / 255 for images"
        ),
    ),
    "channels last": (
        {"x": batch(6, 4, 5, 3)},
        (
            "x has shape [6, 4, 5, 3], and the network takes [N, 3, 4, 5]; put channels first with "
            "x.transpose(0, 3, 1, 2)"
        ),
    ),
    "flat": ({"x": batch(6, 60)}, "reshape it with x.reshape(-1, 3, 4, 5)"),
    "one sample": ({"x": batch(*SHAPE)}, "add the samples' dimension with x[None]"),
    "another shape": ({"x": batch(6, 3, 4, 6)}, "and the network takes [N, 3, 4, 5]"),
    "a number": ({"x": np.float32(1)}, "x has shape [], and the network takes [N, 3, 4, 5]"),
    "none": ({"x": batch(0, *SHAPE)}, "x has no samples; give a few hundred"),
    "NaN": (
        {"x": with_nan()},
        "x has 2 values that are NaN or infinite, the first at [1, 2, 0, 4]; remove these samples",
    ),
    "objects": (
        {"x": np.array([{}, None], object)},
        "array x is of Python objects, which are never loaded; store it as numbers",
    ),
    "too few labels": (
        {"x": GOOD, "y": np.arange(5)},
        "y has shape [5] for 6 samples; give one class for each",
    ),
    "one-hot labels": ({"x": GOOD, "y": np.eye(6, dtype=int)}, "as y.argmax(axis=1) does"),
    "labels of floats": ({"x": GOOD, "y": np.arange(6.0)}, "y is float64; give the numbers of cl"),
    "negative labels": ({"x": GOOD, "y": np.arange(-1, 5)}, "y has negative labels"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_said_in_one_line(case, tmp_path):
    arrays, message = BAD[case]
    path = tmp_path / "x.npz"
    np.savez(path, **arrays)
    with pytest.raises(UnusableSamples) as refused:
        read_samples(path, SHAPE)
    text = str(refused.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert "\n" not in text


def _truncated(path):
    np.savez(path, x=GOOD)
    path.write_bytes(path.read_bytes()[:300])


def _damaged(path):
    np.savez(path, x=GOOD)
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)


def _cut_short(path):
    np.savez(path, x=GOOD)
    with zipfile.ZipFile(path) as archive:
        member = archive.read("x.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member[:-8])


def _of_absurd_shape(path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 3, 4, 5), }" % 2**50
    header = header.ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


FILES = {
    "missing": (lambda path: None, "cannot be read: No such file or directory"),
    "a folder": (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    "empty": (lambda path: path.write_bytes(b""), "is not a whole file of NumPy's"),
    "no archive": (lambda path: path.write_bytes(b"GIF89a" * 20), "is not a whole file of NumPy's"),
    "pickled": (lambda path: path.write_bytes(b"\x80\x04K\x01."), "is not a whole file of NumPy's"),
    "truncated": (_truncated, "is not a whole file of NumPy's"),
    "damaged": (_damaged, "array x is damaged or not whole"),
    "cut short": (_cut_short, "array x is damaged or not whole"),
    "absurd": (_of_absurd_shape, "array x is damaged or not whole"),
    "one array": (lambda path: np.save(path.open("wb"), GOOD), "is a single array; give an .npz"),
}


@pytest.mark.parametrize("case", FILES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_files_that_are_no_archives_of_numbers(case, tmp_path):
    make, message = FILES[case]
    path = tmp_path / "x.npz"
    make(path)
    with pytest.raises(UnusableSamples) as refused:
        read_samples(path, SHAPE)
    assert str(refused.value).startswith(f"{path}: {message}")


def test_archives_that_would_fill_memory_are_refused_before(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "MAX_BYTES", 2**16)
    np.savez_compressed(tmp_path / "x.npz", x=batch(1000, *SHAPE))
    with pytest.raises(UnusableSamples, match="has arrays of 240,128 bytes, more than 65,536"):
        read_samples(tmp_path / "x.npz", SHAPE)


def test_labels_of_their_own_file_replace_those_of_the_archive(tmp_path):
    np.savez(tmp_path / "x.npz", x=GOOD, y=["not"] * 6)
    np.save(tmp_path / "y.npy", np.arange(6, dtype=np.uint8))
    found = read_samples(tmp_path / "x.npz", SHAPE, tmp_path / "y.npy")
    np.testing.assert_array_equal(found.y, np.arange(6))
    np.save(tmp_path / "y.npy", np.arange(7))
    with pytest.raises(UnusableSamples, match=r"y\.npy has shape \[7\] for 6 samples"):
        read_samples(tmp_path / "x.npz", SHAPE, tmp_path / "y.npy")
    with pytest.raises(UnusableSamples, match=r"is an archive; give an .npy file"):
        read_samples(tmp_path / "x.npz", SHAPE, tmp_path / "x.npz")


def test_numbers_of_the_other_byte_order_are_the_same_numbers(tmp_path):
    x = np.random.default_rng(0).normal(size=(6, *SHAPE)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x.astype(">f4"))
    found = read_samples(tmp_path / "x.npz", SHAPE).x
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, x)


def test_labels_are_classes_of_the_network(tmp_path):
    np.savez(tmp_path / "x.npz", x=GOOD, y=np.arange(6))
    found = read_samples(tmp_path / "x.npz", SHAPE)
    found.check_classes(6)
    with pytest.raises(UnusableSamples, match="labels up to 5, and the network 5 classes, 0 to 4"):
        found.check_classes(5)
