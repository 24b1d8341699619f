"""``accel run --jobs``: for executors that can take parts of a batch at once."""

import numpy as np

from tests.cli.conftest import DIGITS


def test_jobs_are_refused_where_samples_come_one_by_one(refused, tmp_path):
    message = refused(
        *("run", str(DIGITS / "digits_int8.tflite"), "-i", "x.npy", "-o", str(tmp_path / "y.npy")),
        *("--executor", "pysim", "--jobs", "2"),
    )
    assert "--jobs is for --executor machine and rtl, not pysim" in message


def test_jobs_change_no_answer(accel, tmp_path):
    model, x = str(DIGITS / "digits_int8.tflite"), tmp_path / "x.npy"
    np.save(x, np.load(DIGITS / "test_images.npz")["x"][:40])
    for jobs in ("1", "2"):
        accel("run", model, "-i", str(x), "-o", str(tmp_path / f"{jobs}.npy"), "--jobs", jobs)
    one, two = (np.load(tmp_path / f"{jobs}.npy") for jobs in ("1", "2"))
    assert one.shape == (40, 10)
    assert (one == two).all()
