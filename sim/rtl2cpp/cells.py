"""The cells of a netlist as expressions in C++.

Their meaning is defined in Yosys' manual, "Internal cell library"; the extension of operands to
other widths in its `kernel/calc.cc`.
"""

from collections.abc import Callable, Mapping

from .netlist import WORD, Bits, Cell
from .words import Unsupported, Value, Words, mask, masked, size

_Names = Mapping[Value, str]


class Operands:
    """A cell's inputs as expressions. ``names`` are as for `Words.read`."""

    def __init__(self, cell: Cell, words: Words, names: _Names):
        self.cell, self.words, self.names = cell, words, names
        self.width = len(cell.output)

    def bits(self, port: str) -> Bits:
        return self.cell.ports[port]

    def signed(self, port: str) -> bool:
        """Whether an operand is extended by its sign: with two operands, only if both are
        signed."""
        names = ("A_SIGNED", "B_SIGNED") if port in "AB" else ()
        both = [self.cell.number(name) for name in names if name in self.cell.parameters]
        return bool(both) and all(both)

    def read(self, bits: Bits, wide: int | None = None) -> str:
        return self.words.read(bits, wide, self.names)

    def plain(self, port: str, wide: int | None = None) -> str:
        return self.read(self.bits(port), wide)

    def extended(self, port: str, width: int, signed: bool | None = None) -> str:
        """An operand of which the lowest ``width`` bits are right, in the type that holds that
        many."""
        bits, wide = self.bits(port)[:width], size(width)
        if signed if signed is not None else self.signed(port):
            return self.signed_value(bits, wide, unsigned=True)
        return self.read(bits, wide)

    def signed_value(self, bits: Bits, wide: int, unsigned: bool = False) -> str:
        """Bits of a two's complement number in a signed type; or cast to an unsigned one."""
        value, shift = self.read(bits, wide), wide - len(bits)
        number = f"(s{wide}){value}"
        if shift and len(bits) in (8, 16, 32):
            number = f"(s{wide})(s{len(bits)}){value}"
        elif shift:
            number = f"((s{wide})({value} << {shift}) >> {shift})"
        return f"(u{wide}){number}" if unsigned else f"({number})"


def expression(cell: Cell, words: Words, names: _Names) -> str:
    """What drives a cell's output. Raises ``Unsupported``."""
    if cell.type not in _EXPRESSIONS:
        raise Unsupported(
            f"Compiled RTL has no cell {cell.type}, as {cell.name!r} is; use --executor pysim"
        )
    return _EXPRESSIONS[cell.type](Operands(cell, words, names))


def _modular(operator: str) -> Callable[[Operands], str]:
    """Operations whose lowest bits depend only on the lowest bits of the operands."""

    def make(of: Operands) -> str:
        left, right = (of.extended(port, of.width) for port in "AB")
        return masked(f"{left} {operator} {right}", of.width, size(of.width))

    return make


def _bitwise(operator: str) -> Callable[[Operands], str]:
    def make(of: Operands) -> str:
        left, right = (of.extended(port, of.width) for port in "AB")
        both = f"{left} {operator} {right}"
        return masked(both, of.width, size(of.width)) if of.signed("A") else both

    return make


def _unary(operator: str) -> Callable[[Operands], str]:
    def make(of: Operands) -> str:
        value = f"{operator}{of.extended('A', of.width)}"
        return masked(value, of.width, size(of.width))

    return make


def _not(of: Operands) -> str:
    return f"{of.plain('A')} ^ 1" if len(of.bits("A")) == of.width == 1 else _unary("~")(of)


def _xnor(of: Operands) -> str:
    left, right = (of.extended(port, of.width) for port in "AB")
    return masked(f"~({left} ^ {right})", of.width, size(of.width))


def _compare(operator: str) -> Callable[[Operands], str]:
    def make(of: Operands) -> str:
        width = max(len(of.bits("A")), len(of.bits("B")))
        if width > 128 and operator in ("==", "!=") and not of.signed("A"):
            pairs = zip(_words_of(of, "A", width), _words_of(of, "B", width), strict=True)
            parts = " && ".join(f"{left} == {right}" for left, right in pairs)
            return f"({parts}) == {int(operator == '==')}"
        if of.signed("A"):
            left, right = (of.signed_value(of.bits(port), size(width)) for port in "AB")
        else:
            left, right = (of.plain(port, size(width)) for port in "AB")
        return f"{left} {operator} {right}"

    return make


def _words_of(of: Operands, port: str, width: int) -> list[str]:
    bits = [*of.bits(port), *["0"] * (width - len(of.bits(port)))]
    return [of.read(bits[begin : begin + WORD], WORD) for begin in range(0, width, WORD)]


def _parts(of: Operands, port: str) -> list[Bits]:
    bits = of.bits(port)
    return [bits[begin : begin + WORD] for begin in range(0, len(bits), WORD)]


def _any(of: Operands, port: str = "A") -> str:
    wide = size(min(WORD, len(of.bits(port))))
    return f"(({' | '.join(of.read(part, wide) for part in _parts(of, port))}) != 0)"


def _all(of: Operands) -> str:
    parts = [f"{of.read(part)} == {mask(len(part))}" for part in _parts(of, "A")]
    return f"({' && '.join(parts)})"


def _parity(of: Operands) -> str:
    parts = [f"__builtin_parityll({of.read(part, WORD)})" for part in _parts(of, "A")]
    return f"({' ^ '.join(parts)})"


def _mux(of: Operands) -> str:
    return f"{of.plain('S')} ? {of.plain('B')} : {of.plain('A')}"


def _pmux(of: Operands) -> str:
    cases = [
        f"{of.read([select])} ? {of.read(of.bits('B')[index * of.width :][: of.width])} : "
        for index, select in enumerate(of.bits("S"))
    ]
    return "".join(cases) + of.plain("A")


def _shift_left(of: Operands) -> str:
    signed = bool(of.cell.number("A_SIGNED"))
    wide, value = size(of.width), of.extended("A", of.width, signed)
    return masked(_shifted(of, f"{value} <<", wide), of.width, wide)


def _shift_right(of: Operands) -> str:
    """By an unsigned amount, with zeros moving in."""
    if of.cell.type in ("$shift", "$shiftx") and of.cell.number("B_SIGNED"):
        raise Unsupported("Compiled RTL has no shift by a signed amount; use --executor pysim")
    width, signed = max(len(of.bits("A")), of.width), bool(of.cell.number("A_SIGNED"))
    if width > WORD and not signed and of.width <= WORD:
        words = ", ".join(_words_of(of, "A", -(-width // WORD) * WORD))
        count = -(-width // WORD)
        return masked(f"word_of<{count}>({{{words}}}, {_amount(of)})", of.width, WORD)
    value = masked(of.extended("A", width, signed), width, size(width))
    return masked(_shifted(of, f"({value}) >>", size(width)), of.width, width)


def _shift_right_signed(of: Operands) -> str:
    if not of.cell.number("A_SIGNED"):
        return _shift_right(of)
    wide = size(max(len(of.bits("A")), of.width))
    value, amount = of.signed_value(of.bits("A"), wide), _amount(of)
    most = f"({amount} < {wide} ? {amount} : {wide - 1})"
    return masked(f"(u{wide})({value} >> {most})", of.width, wide)


def _shifted(of: Operands, value: str, wide: int) -> str:
    """A shift by any amount: C++ shifts only by less than a type's width."""
    amount = _amount(of)
    if 1 << len(of.bits("B")) <= wide:
        return f"({value} {amount})"
    return f"({amount} < {wide} ? {value} {amount} : 0)"


def _amount(of: Operands) -> str:
    return of.read(of.bits("B"))


def _divide(function: str, floors: bool) -> Callable[[Operands], str]:
    def make(of: Operands) -> str:
        width = max(len(of.bits("A")), len(of.bits("B")), of.width)
        wide, signed = size(width), of.signed("A")
        if not signed:
            left, right = (of.plain(port, wide) for port in "AB")
            divided = f"({right} ? {left} {'/' if function == 'quotient' else '%'} {right} : 0)"
            return masked(divided, of.width, wide)
        left, right = (of.signed_value(of.bits(port), wide) for port in "AB")
        name = f"{'floor_' if floors else ''}{function}"
        return masked(f"(u{wide}){name}<s{wide}>({left}, {right})", of.width, wide)

    return make


_EXPRESSIONS: Mapping[str, Callable[[Operands], str]] = {
    "$and": _bitwise("&"),
    "$or": _bitwise("|"),
    "$xor": _bitwise("^"),
    "$xnor": _xnor,
    "$not": _not,
    "$pos": _unary("+"),
    "$neg": _unary("-"),
    "$add": _modular("+"),
    "$sub": _modular("-"),
    "$mul": _modular("*"),
    "$div": _divide("quotient", floors=False),
    "$mod": _divide("rest", floors=False),
    "$divfloor": _divide("quotient", floors=True),
    "$modfloor": _divide("rest", floors=True),
    "$eq": _compare("=="),
    "$ne": _compare("!="),
    "$lt": _compare("<"),
    "$le": _compare("<="),
    "$gt": _compare(">"),
    "$ge": _compare(">="),
    "$reduce_or": _any,
    "$reduce_bool": _any,
    "$reduce_and": _all,
    "$reduce_xor": _parity,
    "$reduce_xnor": lambda of: f"!{_parity(of)}",
    "$logic_not": lambda of: f"!{_any(of)}",
    "$logic_and": lambda of: f"({_any(of)} & {_any(of, 'B')})",
    "$logic_or": lambda of: f"({_any(of)} | {_any(of, 'B')})",
    "$mux": _mux,
    "$pmux": _pmux,
    "$shl": _shift_left,
    "$sshl": _shift_left,
    "$shr": _shift_right,
    "$shift": _shift_right,
    "$shiftx": _shift_right,
    "$sshr": _shift_right_signed,
}
