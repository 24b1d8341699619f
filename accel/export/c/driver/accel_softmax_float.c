/* Softmax of float numbers. See accel_nodes.h: this file needs 64-bit integers and doubles. */
#include "accel_nodes.h"

#include <float.h>
#include <string.h>

#define LANES 16 /* numbers of a vector with AVX-512F: they decide the order of the sum */

/* a * b + c, rounded once: the product is exact in a double, and the sum is rounded to odd there,
 * so that rounding it again is right (Boldo and Melquiond, 2008). */
static float fused(float a, float b, float c)
{
    volatile double product = (double)a * b, total = product + c, back = total - product;
    volatile double rest = (product - (total - back)) + (c - back);
    double odd = total;
    uint64_t bits;
    memcpy(&bits, &odd, sizeof bits);
    if (rest != 0 && !(bits & 1)) {
        bits += (rest > 0) == (odd > 0) ? 1u : (uint64_t)-1;
        memcpy(&odd, &bits, sizeof bits);
    }
    return (float)odd;
}

/* exp(x) of x <= 0, as MLAS has it. */
static float exponential_of(float x)
{
    static const float polynomial[] = {0x1.694000p-10f, 0x1.125edcp-7f, 0x1.555b5ap-5f,
                                       0x1.555450p-3f,  0x1.fffff6p-2f, 1.0f,
                                       1.0f};
    const float rounding = 12582912.0f; /* added to a number it leaves no fraction */
    volatile float exponent;
    float total;
    double scaled;
    unsigned i;
    int power;
    if (x < -103.9720840454f)
        x = -103.9720840454f;
    exponent = fused(x, 1.44269504088896341f, rounding);
    exponent -= rounding;
    x = fused(exponent, -6.93145752e-1f, x);
    x = fused(exponent, -1.42860677e-6f, x);
    total = polynomial[0];
    for (i = 1; i < sizeof polynomial / sizeof *polynomial; i++)
        total = fused(total, x, polynomial[i]);
    scaled = total;
    for (power = (int)exponent; power < 0; power++)
        scaled *= 0.5;
    return (float)scaled;
}

void accel_softmax_float(uint16_t depth, const float *from, float *to, uint32_t count)
{
    for (; count; count--, from += depth, to += depth) {
        const float greatest = from[accel_argmax_float(from, depth)];
        volatile float sums[LANES] = {0}, inverse;
        unsigned i, half;
        int known = greatest <= FLT_MAX && greatest >= -FLT_MAX;
        for (i = 0; i < depth; i++)
            known = known && from[i] == from[i];
        for (i = 0; i < depth; i++) {
            volatile float difference = from[i] - greatest;
            to[i] = known ? exponential_of(difference) : 0;
            sums[i % LANES] += to[i];
        }
        for (i = 0; i < LANES / 2; i++)
            sums[i] = sums[i + 8] + sums[i];
        for (half = 4; half; half /= 2)
            for (i = 0; i < half; i++)
                sums[i] = sums[2 * i] + sums[2 * i + 1];
        inverse = 1.0f / sums[0];
        for (i = 0; i < depth; i++)
            to[i] = known ? to[i] * inverse : (greatest - greatest) / (greatest - greatest);
    }
}
