"""Files that hold no model that can be read: what they are, and what to do to get one."""

from collections.abc import Callable, Collection
from pathlib import PurePath

from ...identity import IMAGE_MAGIC
from ..diagnostics import Reason

_TFLITE = (
    "with tf.lite.TFLiteConverter.{maker}, optimizations = [tf.lite.Optimize.DEFAULT] and a "
    "representative_dataset (full integer quantization)"
)
_ONNX = (
    "export it with torch.onnx.export, then quantize it: `accel quantize FLOAT.onnx -c X.npz -o "
    "OUT.onnx`"
)
KERAS = "convert it " + _TFLITE.format(maker="from_keras_model(tf.keras.models.load_model(FILE))")
SAVED_MODEL = "convert its folder " + _TFLITE.format(maker="from_saved_model(FOLDER)")
FROZEN = "export it as a SavedModel and convert that " + _TFLITE.format(
    maker="from_saved_model(FOLDER)"
)

# By what a file's bytes begin with.
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs.github.com/spec/",
        "is a Git LFS pointer, not the model that it stands for",
        "run `git lfs pull` in its repository",
    ),
    (
        IMAGE_MAGIC,
        "is a program file of `accel compile`, not a model",
        "give the model; a program file is for `accel run`, `accel live` and `accel load`",
    ),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, such as Keras saves models in", KERAS),
    (b"\x1f\x8b", "is compressed with gzip", "unpack it with `gunzip`"),
    (b"\x93NUMPY", "is a NumPy array, not a network", "give the network; arrays go to --data"),
    (b"<!DOCTYPE", "is a web page, not the model that it shows", "download the raw file"),
    (b"<!doctype", "is a web page, not the model that it shows", "download the raw file"),
    (b"<html", "is a web page, not the model that it shows", "download the raw file"),
)
# By endings of names, where the bytes do not tell.
_ENDINGS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    ((".pt", ".pth", ".ckpt", ".pkl", ".pickle"), "is a pickle, such as PyTorch saves", _ONNX),
    ((".h5", ".hdf5", ".keras"), "is a Keras model", KERAS),
    ((".pb", ".pbtxt"), "is a TensorFlow graph or SavedModel", FROZEN),
)


def foreign(data: bytes, name: str) -> Reason | None:
    """What a file is that holds no model of a known format, if it is known."""
    if not data:
        return Reason(place="", what="is empty", remedy="download or export it again")
    for beginning, what, remedy in _BEGINNINGS:
        if data.lstrip(b"\xef\xbb\xbf \r\n").startswith(beginning):
            return Reason(place="", what=what, remedy=remedy)
    suffix = PurePath(name).suffix.lower()
    for suffixes, what, remedy in _ENDINGS:
        if suffix in suffixes:
            return Reason(place="", what=what, remedy=remedy)
    return None


def foreign_archive(names: Collection[str]) -> Reason | None:
    """What a zip archive with members of these names is, if it is no archive of a user's own."""
    last = {PurePath(name).name for name in names}
    if "data.pkl" in last:
        return Reason(place="", what="is a PyTorch model", remedy=_ONNX)
    if {"config.json", "model.weights.h5"} <= last:
        return Reason(place="", what="is a Keras model", remedy=KERAS)
    if "saved_model.pb" in last:
        return Reason(place="", what="holds a SavedModel", remedy=SAVED_MODEL)
    if names and all(name.endswith(".npy") for name in names):
        remedy = "give the network; arrays go to --data"
        return Reason(place="", what="is a file of NumPy arrays, not a network", remedy=remedy)
    return None


def foreign_folder(holds: Callable[[str], bool]) -> Reason:
    """What a folder is that was given for a file; ``holds(name)`` says what is in it."""
    if holds("saved_model.pb"):
        return Reason(place="", what="is the folder of a SavedModel", remedy=SAVED_MODEL)
    return Reason(place="", what="is a folder", remedy="give the model's file")
