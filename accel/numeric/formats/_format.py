"""What a number format defines, and the checks that it is consistent."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import UserError

ACTIVATION_BITS = 8  # memory holds bytes
MOST_WEIGHT_BITS = 8


class InvalidFormat(UserError):
    """A number format contradicts itself or what the core can do."""


@dataclass(frozen=True, kw_only=True)
class SubByte:
    """Values of fewer than 8 bits, several in a byte, that a format has besides those of bytes.

    A byte of activations and a byte of weights give the sum of the products of the values at the
    same position. Values are in two's complement, except single bits: 0 stands for 1, and 1 for -1.
    """

    bits: int

    @property
    def packing_factor(self) -> int:
        """Values in a byte."""
        return ACTIVATION_BITS // self.bits

    @property
    def step(self) -> int:
        """The distance between neighbouring values."""
        return 2 if self.bits == 1 else 1

    @property
    def range(self) -> tuple[int, int]:
        """Least and greatest value."""
        if self.bits == 1:
            return -1, 1
        return -(1 << self.bits - 1), (1 << self.bits - 1) - 1

    def holds(self, values: np.ndarray) -> bool:
        """Whether all of some integers are such values."""
        least, greatest = self.range
        return bool(((values >= least) & (values <= greatest)).all()) and bool(
            ((values - least) % self.step == 0).all()
        )

    def pack(self, values: np.ndarray) -> np.ndarray:
        """Values ``[..., packing_factor]`` as bytes, int64 ``[...]`` from -128 to 127, the first in
        the low bits."""
        shifts = np.arange(self.packing_factor) * self.bits
        fields = values // self.step  # of 1 and -1: 0 and -1
        packed = ((fields & (1 << self.bits) - 1) << shifts).sum(axis=-1)
        return packed - (packed >> ACTIVATION_BITS - 1 << ACTIVATION_BITS)

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """The inverse of `pack`."""
        fields = (
            packed[..., None] >> np.arange(self.packing_factor) * self.bits & (1 << self.bits) - 1
        )
        signed = fields - (fields >> self.bits - 1 << self.bits)
        return self.step * signed + self.step - 1

    def dot(self, activations: Any, weights: Any) -> Any:
        """The sum of products of two bytes, -128 to 127, or arrays of them."""
        pair = (self.unpack(np.asarray(byte, np.int64)) for byte in (activations, weights))
        return np.multiply(*pair).sum(axis=-1)


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """Activations, which are two's complement integers, times weights that are stored as codes.

    Parameters
    ----------
    title
        For people, as ``int8 x int4``.
    activation_bits, weight_bits
        Widths; weights are packed at exactly this width in memory and on chip.
    weights
        The weight that each bit field of memory stands for, from field 0 on, ``None`` where one is
        not used; without it a field is the weight itself, in two's complement.
    product
        From an activation and a weight's *code*, which is its field in two's complement: the
        product, of Python integers, int64 arrays and Amaranth values alike. It is what the
        processing elements are held to and what the compiler proves with, whether or not it is the
        exact product.
    sub_byte
        Values of fewer than 8 bits that bytes hold in some layers, if there are such.

    Raises ``InvalidFormat`` where the weights do not fit their fields, 0 or 1 is not among them
    (what only fills the array is multiplied by 0, and copies by 1), or a weight of 0 gives another
    product than 0.
    """

    title: str
    activation_bits: int = ACTIVATION_BITS
    weight_bits: int
    weights: Sequence[int | None] | None = None
    product: Callable[[Any, Any], Any] = operator.mul
    sub_byte: SubByte | None = None

    def __post_init__(self) -> None:
        if self.activation_bits != ACTIVATION_BITS:
            self._refuse(f"activations have {self.activation_bits} bits; memory holds bytes, use 8")
        if not isinstance(self.weight_bits, int) or not 1 <= self.weight_bits <= MOST_WEIGHT_BITS:
            self._refuse(f"weights have {self.weight_bits!r} bits; use 1 to {MOST_WEIGHT_BITS}")
        if self.weights is not None:
            object.__setattr__(self, "weights", tuple(self.weights))
            fields = 1 << self.weight_bits
            if len(self.weights) > fields:
                self._refuse(
                    f"{len(self.weights)} weights do not fit {self.weight_bits} bits, which hold "
                    f"{fields}; use {(len(self.weights) - 1).bit_length()} bits or fewer weights"
                )
        values = self.values.tolist()
        for needed, why in ((0, "what only fills the array is"), (1, "copies and pools are")):
            if needed not in values:
                self._refuse(f"has no weight of {needed}, and {why} multiplied by it")
        if not self.multiplies:
            self._check_products()

    def _refuse(self, why: str) -> None:
        raise InvalidFormat(f"Number format {self.title!r}: {why}")

    def _check_products(self) -> None:
        try:
            products = self._products
        except Exception as problem:  # noqa: BLE001 -- a user's own code
            kind = type(problem).__name__
            self._refuse(
                f"product(activation, code) of int64 arrays raised {kind}: {problem}; it must work "
                "on integers, arrays and Amaranth values alike"
            )
        if products.dtype.kind not in "iub" or products.shape != (1 << ACTIVATION_BITS, len(self)):
            self._refuse(
                f"product(activation, code) of int64 arrays gave {products.dtype} "
                f"{list(products.shape)}; it must give an integer for each pair"
            )
        idle = products[:, self.encode(np.array([0]))[0] == self.codes]
        if idle.any():
            activation, wrong = self.activations[idle.any(axis=1)][0], idle[idle != 0][0]
            self._refuse(f"a weight of 0 and an activation of {activation} give {wrong}, not 0")

    @cached_property
    def codes(self) -> np.ndarray:
        """The codes in use, int64, in the order of their fields."""
        fields = np.arange(1 << self.weight_bits if self.weights is None else len(self.weights))
        if self.weights is not None:
            fields = fields[[weight is not None for weight in self.weights]]
        return np.where(fields >> self.weight_bits - 1, fields - (1 << self.weight_bits), fields)

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def values(self) -> np.ndarray:
        """The weight of each of `codes`, int64."""
        if self.weights is None:
            return self.codes
        return np.array([weight for weight in self.weights if weight is not None], np.int64)

    @cached_property
    def activations(self) -> np.ndarray:
        """All activations, int64, ascending."""
        half = 1 << self.activation_bits - 1
        return np.arange(-half, half)

    @cached_property
    def multiplies(self) -> bool:
        """Whether codes are the weights themselves and the product is the integers' own."""
        return self.product is operator.mul and bool((self.codes == self.values).all())

    @cached_property
    def exact(self) -> bool:
        """Whether every product is that of activation and weight, as the contracts require."""
        return self.multiplies or bool(
            (self._products == self.activations[:, None] * self.values).all()
        )

    @cached_property
    def _products(self) -> np.ndarray:
        """Of all activations and `codes`."""
        return np.asarray(self.product(self.activations[:, None], self.codes[None, :]))

    @property
    def weight_range(self) -> tuple[int, int]:
        """Least and greatest weight."""
        return int(self.values.min()), int(self.values.max())

    @cached_property
    def product_bits(self) -> int:
        """Width of a product, two's complement."""
        if self.multiplies:
            return self.activation_bits + self.weight_bits
        return _signed_bits(int(self._products.min()), int(self._products.max()))

    def sum_bits(self, terms: int) -> int:
        """Width of a sum of ``terms`` products, whatever the operands."""
        least, greatest = int(self._products.min()), int(self._products.max())
        return _signed_bits(terms * least, terms * greatest)

    def sum_range(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest sum of the products of weights ``[..., n]`` and any activations."""
        least, greatest = self._products.min(axis=0), self._products.max(axis=0)
        index = self._index(weights)
        return least[index].sum(axis=-1), greatest[index].sum(axis=-1)

    def table(self) -> np.ndarray:
        """All products, int64 ``[activations, fields]``, by the low bits of activation and code."""
        table = np.zeros((1 << self.activation_bits, 1 << self.weight_bits), np.int64)
        rows = self.activations & (1 << self.activation_bits) - 1
        columns = self.codes & (1 << self.weight_bits) - 1
        table[rows[:, None], columns] = self._products
        return table

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """The weights, ascending, each once, and which of `codes` is the first that means it."""
        return np.unique(self.values, return_index=True)

    def holds(self, weights: np.ndarray) -> np.ndarray:
        """Whether each weight can be stored."""
        return np.isin(weights, self._sorted[0])

    def towards_zero(self, weights: np.ndarray) -> np.ndarray:
        """The nearest weight that can be stored, of the same sign and no farther from 0."""
        values, _ = self._sorted
        down = values[np.searchsorted(values, weights, "right").clip(1) - 1]
        up = values[np.searchsorted(values, weights, "left").clip(None, len(values) - 1)]
        return np.where(weights >= 0, down, up)

    def _index(self, weights: np.ndarray) -> np.ndarray:
        values, first = self._sorted
        return first[np.searchsorted(values, weights)]

    def encode(self, weights: np.ndarray) -> np.ndarray:
        """The code of each weight; `holds` must be true of all."""
        return weights if self.weights is None else self.codes[self._index(weights)]

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The weight that each code stands for, 0 for one that is not used."""
        if self.weights is None:
            return codes
        meaning = np.zeros(1 << self.weight_bits, np.int64)
        mask = (1 << self.weight_bits) - 1
        meaning[self.codes & mask] = self.values
        return meaning[codes & mask]

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """Weights [..., n] as unsigned bit fields, lowest first: [...] Python integers."""
        mask = (1 << self.weight_bits) - 1
        shifts = np.arange(weights.shape[-1]) * self.weight_bits
        codes = self.encode(weights.astype(np.int64))
        return ((codes & mask).astype(object) << shifts.astype(object)).sum(axis=-1)

    def unpack(self, packed: int, count: int) -> list[int]:
        """The inverse of `pack` for one packed integer of ``count`` weights."""
        mask = (1 << self.weight_bits) - 1
        fields = np.array([packed >> self.weight_bits * index & mask for index in range(count)])
        sign = 1 << self.weight_bits - 1
        return self.decode((fields ^ sign) - sign).tolist()


def _signed_bits(least: int, greatest: int) -> int:
    return max(greatest.bit_length(), (~least).bit_length()) + 1
