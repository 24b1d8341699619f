"""Words in C++: variables that stand for a netlist's bits, and expressions that read any bits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from accel.errors import ToolError

from .netlist import Bit, Bits

HEAD = """
#include <cstddef>
#include <cstdint>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned __int128 u128;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef __int128 s128;

// A word of a longer value, from any bit of it on; zeros are past its end.
template <int N> static inline u64 word_of(const u64 (&value)[N], u64 bit) {
    u64 index = bit >> 6, shift = bit & 63;
    u64 low = index < N ? value[index] : 0, high = index + 1 < N ? value[index + 1] : 0;
    return shift ? low >> shift | high << (64 - shift) : low;
}
// Division rounds to zero, or to the number below; what is divided by zero is 0.
template <class T> static inline T quotient(T a, T b) {
    return b == 0 ? 0 : b == -1 ? 0 - a : a / b;
}
template <class T> static inline T rest(T a, T b) { return b == 0 ? 0 : a - quotient(a, b) * b; }
template <class T> static inline bool rounds_up(T a, T b) {
    return rest(a, b) != 0 && (rest(a, b) < 0) != (b < 0);
}
template <class T> static inline T floor_quotient(T a, T b) {
    return quotient(a, b) - rounds_up(a, b);
}
template <class T> static inline T floor_rest(T a, T b) {
    return rest(a, b) + (rounds_up(a, b) ? b : 0);
}
"""

WIDTHS = (32, 64, 128)


class Unsupported(ToolError):
    """A design has something that this compiler has no C++ for."""


@dataclass(eq=False)
class Value:
    """A variable: ``width`` bits in the least significant ones, the others 0.

    The value of a ``state`` is kept from cycle to cycle.
    """

    name: str
    width: int
    state: bool = False

    @property
    def type(self) -> str:
        """The C++ type that holds it."""
        return f"u{size(self.width)}"


def size(width: int) -> int:
    """Bits of the type that holds ``width`` of them. Raises ``Unsupported``."""
    for bits in WIDTHS:
        if width <= bits:
            return bits
    raise Unsupported(f"Compiled RTL has no arithmetic of {width} bits; use --executor pysim")


def mask(width: int) -> str:
    return constant((1 << width) - 1)


def constant(value: int) -> str:
    if value < 1 << 32:
        return f"{value:#x}u"
    low = f"{value & (1 << 64) - 1:#x}ull"
    return low if value < 1 << 64 else f"((u128){value >> 64:#x}ull << 64 | {low})"


def masked(expression: str, width: int, bits: int) -> str:
    """The ``width`` lowest of an expression's ``bits``."""
    return expression if width >= bits else f"({expression}) & {mask(width)}"


@dataclass
class Words:
    """The bit of a variable that stands for each net."""

    of: dict[Bit, tuple[Value, int]] = field(default_factory=dict)

    def drive(self, bits: Bits, value: Value) -> Value:
        """``bits`` are the bits of ``value`` from now on."""
        self.of |= {bit: (value, index) for index, bit in enumerate(bits)}
        return value

    def values(self, bits: Bits) -> list[Value]:
        """The variables that ``bits`` are in, each once."""
        return list(dict.fromkeys(self.of[bit][0] for bit in bits if isinstance(bit, int)))

    def read(
        self, bits: Bits, bits_wide: int | None = None, names: Mapping[Value, str] | None = None
    ) -> str:
        """``bits`` as an expression of an unsigned type of ``bits_wide`` bits, other bits 0.

        ``names`` has values that go by another name here.
        """
        wide = bits_wide or size(len(bits))
        terms, ones, index = [], 0, 0
        while index < len(bits):
            bit, begin = bits[index], index
            index += 1
            if isinstance(bit, str):
                ones |= (bit == "1") << begin
                continue
            value, offset = self.of[bit]
            name = (names or {}).get(value, value.name)
            if index < len(bits) and bits[index] == bit:
                while index < len(bits) and bits[index] == bit:
                    index += 1
                one = _bits_of(name, value.width, offset, 1, wide)
                term = masked(f"((u{wide})0 - {one})", index - begin, wide)
            else:
                while index < len(bits) and self._follows(bits, index, value, offset - begin):
                    index += 1
                term = _bits_of(name, value.width, offset, index - begin, wide)
            terms.append(f"(({term}) << {begin})" if begin else f"({term})")
        if ones or not terms:
            terms.append(f"(u{wide}){constant(ones)}" if wide > 32 else constant(ones))
        return terms[0] if len(terms) == 1 else f"({' | '.join(terms)})"

    def _follows(self, bits: Bits, index: int, value: Value, shift: int) -> bool:
        bit = bits[index]
        return isinstance(bit, int) and self.of[bit] == (value, index + shift)


def _bits_of(name: str, width: int, offset: int, count: int, wide: int) -> str:
    """``count`` bits of a value of ``width``, in a type of ``wide`` bits."""
    shifted = f"({name} >> {offset})" if offset else name
    found = shifted if offset + count == width else f"({shifted} & {mask(count)})"
    return found if size(width) == wide else f"(u{wide}){found}"
