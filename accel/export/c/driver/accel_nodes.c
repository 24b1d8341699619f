/* The nodes of a network that the core leaves to its host. See accel_nodes.h. */
#include "accel_nodes.h"

#include <float.h>

#if FLT_MANT_DIG != 24 || DBL_MANT_DIG < 53
#error "numbers must be those of IEEE 754: float of 32 bits and double of 64"
#endif

#define ONE INT32_MAX /* in q0: fixed point with no bits before the point, as q5 has 5 */

/* Shifts of negative numbers round down, which C leaves to compilers. */
static int64_t shifted(int64_t x, unsigned bits)
{
    return x < 0 ? ~(~x >> bits) : x >> bits;
}

/* a * b / 2^31, rounded half up: SaturatingRoundingDoublingHighMul. */
static int32_t product(int32_t a, int32_t b)
{
    return (int32_t)shifted((int64_t)a * b + ((int64_t)1 << 30), 31);
}

/* x / 2^bits, rounded half away from zero: RoundingDivideByPOT. */
static int32_t divided(int32_t x, unsigned bits)
{
    int64_t half = bits ? (int64_t)1 << (bits - 1) : 0;
    return (int32_t)shifted(x + half - (x < 0 && bits), bits);
}

static int32_t saturated(int64_t x)
{
    return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x;
}

/* exp(x) in q0 of x <= 0 in q5: exp_on_negative_values. */
static int32_t exponential_of(int32_t x)
{
    static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308,
                                      39332535,   720401,     242};
    const int32_t quarter = (int32_t)1 << 24, minus_eighth = 1895147668, third = 715827883;
    int32_t rest, y, y2, y3, y4, result;
    uint32_t quarters;
    unsigned i;
    if (x == 0)
        return ONE;
    rest = (int32_t)((uint32_t)x & (uint32_t)(quarter - 1)) - quarter; /* -1/4 <= rest < 0 */
    y = rest * 32 + ((int32_t)1 << 28);
    y2 = product(y, y);
    y3 = product(y2, y);
    y4 = product(y2, y2);
    y4 = product(divided(y4, 2) + y3, third);
    result = minus_eighth + product(minus_eighth, y + divided(y4 + y2, 1));
    quarters = ((uint32_t)rest - (uint32_t)x) >> 24;
    for (i = 0; i < sizeof factors / sizeof *factors; i++)
        if (quarters >> i & 1)
            result = product(result, factors[i]);
    return result;
}

void accel_softmax_int8(const accel_softmax_fixed *softmax, const int8_t *from, int8_t *to,
                        uint32_t count)
{
    for (; count; count--, from += softmax->depth, to += softmax->depth) {
        const int8_t greatest = from[accel_argmax_int8(from, softmax->depth)];
        uint32_t sum = 0;
        int32_t half, x = 0;
        unsigned headroom, pass;
        uint16_t i;
        /* The exponentials are computed twice, and not kept: there may be thousands. */
        for (pass = headroom = 0; pass < 2; pass++) {
            for (i = 0; i < softmax->depth; i++) {
                const int32_t difference = from[i] - greatest;
                int32_t term, code = -128;
                if (difference >= softmax->difference_min) {
                    term = difference * ((int32_t)1 << softmax->shift);
                    term = exponential_of(product(term, softmax->multiplier));
                    if (pass == 0)
                        sum += (uint32_t)divided(term, 12);
                    else
                        code = divided(product(x, term), 35 - headroom) - 128;
                    if (code > 127)
                        code = 127;
                }
                if (pass)
                    to[i] = (int8_t)code;
            }
            if (pass)
                break;
            while (!(sum & 0x80000000u)) {
                sum <<= 1;
                headroom++;
            }
            /* 1 / half in q2, three steps of Newton's; then doubled, in q0: GetReciprocal. */
            half = (int32_t)(sum >> 1);
            x = 1515870810 + product(half, -1010580540);
            for (i = 0; i < 3; i++)
                x += saturated((int64_t)product(x, ((int32_t)1 << 29) - product(half, x)) * 4);
            x = saturated((int64_t)x * 2);
        }
    }
}

/* The nearest integer to a number of a magnitude below 2^30. */
static int32_t rounded(double x, int half_to_even)
{
    const int32_t whole = (int32_t)x; /* towards zero */
    const double rest = x < 0 ? whole - x : x - whole;
    const int up = rest > 0.5 || (rest == 0.5 && (!half_to_even || whole % 2));
    return x < 0 ? whole - up : whole + up;
}

static int8_t clamped(int32_t code)
{
    return (int8_t)(code < -128 ? -128 : code > 127 ? 127 : code);
}

void accel_softmax_codes(const accel_softmax_table *softmax, const int8_t *from, int8_t *to,
                         uint32_t count)
{
    for (; count; count--, from += softmax->depth, to += softmax->depth) {
        const int difference = 255 - from[accel_argmax_int8(from, softmax->depth)];
        const float *exponentials = softmax->exponentials;
        volatile float sum = 0; /* of 32 bits also where registers have more */
        uint16_t i;
        for (i = 0; i < softmax->depth; i++)
            sum += exponentials[from[i] + difference];
        for (i = 0; i < softmax->depth; i++) {
            /* A single class is its own sum, and too large to be multiplied. */
            double share = softmax->inverse;
            if (softmax->depth > 1)
                share = exponentials[from[i] + difference] * share / sum;
            to[i] = clamped((share > 256 ? 256 : rounded(share, 1)) + softmax->zero_point);
        }
    }
}

accel_status accel_quantize(const accel_scale *scale, const float *from, int8_t *to, uint32_t count)
{
    for (; count; count--) {
        volatile float quotient = *from++ / scale->scale;
        if (quotient != quotient)
            return ACCEL_NOT_A_NUMBER;
        if (quotient > 1024)
            quotient = 1024;
        if (quotient < -1024)
            quotient = -1024;
        *to++ = clamped(rounded(quotient, scale->half_to_even) + scale->zero_point);
    }
    return ACCEL_OK;
}

void accel_dequantize(const accel_scale *scale, const int8_t *from, float *to, uint32_t count)
{
    for (; count; count--)
        *to++ = scale->scale * (float)(*from++ - scale->zero_point);
}

void accel_translate(const uint8_t *table, const void *from, void *to, uint32_t count)
{
    const uint8_t *source = from;
    uint8_t *target = to;
    for (; count; count--)
        *target++ = table[*source++];
}

uint32_t accel_argmax_int8(const int8_t *from, uint32_t depth)
{
    uint32_t i, best = 0;
    for (i = 1; i < depth; i++)
        if (from[i] > from[best])
            best = i;
    return best;
}

uint32_t accel_argmax_float(const float *from, uint32_t depth)
{
    uint32_t i, best = 0;
    for (i = 1; i < depth; i++)
        if (from[i] > from[best])
            best = i;
    return best;
}
