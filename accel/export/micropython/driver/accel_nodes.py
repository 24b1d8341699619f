"""What networks do outside of the core, each node as the network's runtime computes it.

For MicroPython, and CPython alike. A node is given what reads bytes of the program's data, the
values of a tensor, and its parameters.
"""

import math
import struct
from array import array


def _of_depth(function):
    """A node on the last axis: of each ``depth`` values in turn."""

    def compute(block, values, p):
        depth, found = p["depth"], None
        for start in range(0, len(values), depth):
            part = function(block, values[start : start + depth], p)
            if found is None:
                found = part
            else:
                found.extend(part)
        return found

    return compute


def _product(a, b):
    """a * b / 2**31, rounded half up, as gemmlowp has it."""
    return (a * b + (1 << 30)) >> 31


def _divided(x, bits):
    """x / 2**bits, rounded half away from zero."""
    rest = x & ((1 << bits) - 1)
    return (x >> bits) + (rest > ((1 << bits) - 1 >> 1) + (x < 0))


def _saturated(x):
    return max(-0x80000000, min(0x7FFFFFFF, x))


_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def _exponential(x):
    """exp(x) in fixed point with no bits before the point, of x <= 0 with 5: gemmlowp's."""
    if not x:
        return 0x7FFFFFFF
    rest = (x & 0xFFFFFF) - 0x1000000
    y = (rest << 5) + (1 << 28)
    y2 = _product(y, y)
    third = _product(_divided(_product(y2, y2), 2) + _product(y2, y), 715827883)
    result = 1895147668 + _product(1895147668, y + _divided(third + y2, 1))
    quarters = rest - x
    for bit, factor in enumerate(_FACTORS):
        if quarters >> (24 + bit) & 1:
            result = _product(result, factor)
    return result


def _softmax_fixed(block, codes, p):
    """TFLite Micro's softmax of int8 codes."""
    greatest, terms, total = max(codes), [], 0
    for code in codes:
        term = None
        if code - greatest >= p["least"]:
            term = _exponential(_product(code - greatest << p["shift"], p["multiplier"]))
            total += _divided(term, 12)
        terms.append(term)
    headroom = 32 - (len(bin(total)) - 2)
    half = total << headroom >> 1
    x = 1515870810 + _product(half, -1010580540)
    for _ in range(3):
        x += _saturated(_product(x, (1 << 29) - _product(half, x)) << 2)
    x = _saturated(x << 1)
    found = array("b")
    for term in terms:
        code = -128 if term is None else _divided(_product(x, term), 35 - headroom) - 128
        found.append(min(127, code))
    return found


# float32 numbers as integers m * 2**e: the floats of MicroPython have 32 bits or 64, or fewer.


def _parts(x):
    return _unpacked(struct.unpack("<I", struct.pack("<f", x))[0])


def _unpacked(bits):
    exponent, m = bits >> 23 & 255, bits & 0x7FFFFF
    m = m | 0x800000 if exponent else m
    return (-m if bits >> 31 else m), max(exponent, 1) - 150


def _rounded(m, e):
    """The nearest float32 number, half to even."""
    size = abs(m)
    shift = max(len(bin(size)) - 2 - 24, -149 - e)
    if shift <= 0:
        return m, e
    whole, rest, half = size >> shift, size & ((1 << shift) - 1), 1 << (shift - 1)
    whole += rest > half or (rest == half and whole & 1)
    return (-whole if m < 0 else whole), e + shift


def _sum(a, b):
    e = min(a[1], b[1])
    return _rounded((a[0] << a[1] - e) + (b[0] << b[1] - e), e)


def _fused(a, b, c):
    """a * b + c, rounded once."""
    e = min(a[1] + b[1], c[1])
    return _rounded((a[0] * b[0] << a[1] + b[1] - e) + (c[0] << c[1] - e), e)


def _number(m, e):
    if not m:
        return 0.0
    size = abs(m)
    while size < 0x800000 and e > -149:
        size, e = size << 1, e - 1
    while size >= 0x1000000:
        size, e = size >> 1, e + 1
    bits = size if size < 0x800000 else (e + 150 << 23) + size - 0x800000
    return struct.unpack("<f", struct.pack("<I", bits | (0x80000000 if m < 0 else 0)))[0]


def _softmax_table(block, codes, p):
    """ONNX Runtime's softmax of int8 codes."""
    greatest, depth, found = max(codes), p["depth"], array("b")
    terms, total = [], (0, 0)
    for code in codes:
        term = block(p["table"] + 4 * (255 + code - greatest), 4)
        terms.append(_unpacked(struct.unpack("<I", term)[0]))
        total = _sum(total, terms[-1])
    for m, e in terms:
        over, under = m * p["inverse"], total[0] << total[1] - e
        if depth == 1:
            over, under = p["inverse"], 1
        share, rest = over // under, over % under
        share += 2 * rest > under or (2 * rest == under and share & 1)
        found.append(max(-128, min(127, min(share, 256) + p["zero_point"])))
    return found


_POLYNOMIAL = (0x3AB4A000, 0x3C092F6E, 0x3D2AADAD, 0x3E2AAA28, 0x3EFFFFFB, 0x3F800000, 0x3F800000)
_LOG2_E, _LN2_HIGH, _LN2_LOW = 0x3FB8AA3B, 0xBF317200, 0xB5BFBE8E
_ROUNDING, _LEAST = 0x4B400000, 0xC2CFF1B5


def _exponential_of(x):
    """exp(x) of x <= 0 as MLAS, ONNX Runtime's library, has it."""
    least, rounding = _unpacked(_LEAST), _unpacked(_ROUNDING)
    if _number(*x) < _number(*least):
        x = least
    exponent = _sum(_fused(x, _unpacked(_LOG2_E), rounding), (-rounding[0], rounding[1]))
    x = _fused(exponent, _unpacked(_LN2_HIGH), x)
    x = _fused(exponent, _unpacked(_LN2_LOW), x)
    total = _unpacked(_POLYNOMIAL[0])
    for bits in _POLYNOMIAL[1:]:
        total = _fused(total, x, _unpacked(bits))
    power = exponent[0] << exponent[1] if exponent[1] > 0 else -(-exponent[0] >> -exponent[1])
    return _rounded(total[0], total[1] + power)


def _softmax_float(block, values, p):
    """ONNX Runtime's softmax of float32 numbers, with AVX-512F."""
    greatest = max(values)
    if any(map(math.isnan, values)) or greatest - greatest != 0:
        return array("f", [float("nan")] * len(values))
    top = _parts(greatest)
    terms = [_exponential_of(_sum(_parts(x), (-top[0], top[1]))) for x in values]
    sums = [(0, 0)] * 16
    for k, term in enumerate(terms):
        sums[k % 16] = _sum(sums[k % 16], term)
    sums = [_sum(sums[k + 8], sums[k]) for k in range(8)]
    while len(sums) > 1:
        sums = [_sum(sums[k], sums[k + 1]) for k in range(0, len(sums), 2)]
    m, e = sums[0]
    bits = 64  # more than enough; one below them says whether there is a rest
    inverse = _rounded((1 << bits) // m << 1 | ((1 << bits) % m > 0), -bits - 1 - e)
    return array("f", [_number(*_fused(term, inverse, (0, 0))) for term in terms])


def _scale_of(p):
    return _number(*_unpacked(p["scale"]))


def _quantize(block, values, p):
    """Codes of numbers: halves are rounded to even, or else away from zero."""
    scale, found = _scale_of(p), array("b")
    for x in values:
        quotient = x / scale
        if math.isnan(quotient):
            raise ValueError("values to quantize must be numbers, not NaN")
        m, e = _parts(max(-1024.0, min(1024.0, quotient)))
        size = abs(m)
        whole, rest = (size << e, 0) if e >= 0 else (size >> -e, size & ((1 << -e) - 1))
        twice, one = 2 * rest, 1 << max(0, -e)
        whole += twice > one or (twice == one and (not p["half_to_even"] or whole & 1))
        code = (-whole if m < 0 else whole) + p["zero_point"]
        found.append(max(-128, min(127, code)))
    return found


def _dequantize(block, codes, p):
    scale = _scale_of(p)
    return array("f", [scale * (code - p["zero_point"]) for code in codes])


def _translate(block, values, p):
    table = block(p["table"], 256)
    found = bytearray(len(values))
    for k, value in enumerate(values):
        found[k] = table[value & 0xFF]
    return array(p["type"], [b - 256 if p["type"] == "b" and b > 127 else b for b in found])


def _argmax(block, values, p):
    best = 0
    for k in range(1, len(values)):
        if values[k] > values[best]:
            best = k
    return array("i", [best])


def _index(block, codes, p):
    return array("i", [code + 128 for code in codes])


def _copy(block, values, p):
    return values


NODES = {
    "softmax_fixed": _of_depth(_softmax_fixed),
    "softmax_table": _of_depth(_softmax_table),
    "softmax_float": _of_depth(_softmax_float),
    "argmax": _of_depth(_argmax),
    "quantize": _quantize,
    "dequantize": _dequantize,
    "translate": _translate,
    "index": _index,
    "copy": _copy,
}
