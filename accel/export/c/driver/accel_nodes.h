/* What a network does outside of the core, at its ends: each as the network's runtime computes it,
 * bit for bit. Those that a program does not use need not be linked. */
#ifndef ACCEL_NODES_H
#define ACCEL_NODES_H

#include "accel.h"

/* Softmax of int8 codes in gemmlowp's fixed point: `reference_ops::Softmax` of TFLite Micro. */
typedef struct {
    int32_t multiplier, difference_min;
    uint16_t depth; /* classes */
    uint8_t shift;
} accel_softmax_fixed;
void accel_softmax_int8(const accel_softmax_fixed *softmax, const int8_t *from, int8_t *to,
                        uint32_t count);

/* Softmax of int8 codes by a table of exponentials: ONNX Runtime's QLinearSoftmax. */
typedef struct {
    const float *exponentials; /* of differences from -255 to 0 */
    float inverse;             /* codes of the output in a probability of 1 */
    uint16_t depth;
    int16_t zero_point;
} accel_softmax_table;
void accel_softmax_codes(const accel_softmax_table *softmax, const int8_t *from, int8_t *to,
                         uint32_t count);

/* Softmax of numbers: ONNX Runtime's `MlasComputeSoftmax` on a processor with AVX-512F. */
void accel_softmax_float(uint16_t depth, const float *from, float *to, uint32_t count);

/* Codes of numbers: real / scale is rounded, halves to even or else away from zero. */
typedef struct {
    float scale;
    int16_t zero_point;
    uint8_t half_to_even;
} accel_scale;
accel_status accel_quantize(const accel_scale *scale, const float *from, int8_t *to,
                            uint32_t count);

/* Numbers of codes: scale * (code - zero point). */
void accel_dequantize(const accel_scale *scale, const int8_t *from, float *to, uint32_t count);

/* Other codes for codes, by a table for the bytes from 0 to 255. */
void accel_translate(const uint8_t *table, const void *from, void *to, uint32_t count);

/* The place of the greatest of `depth` codes or numbers, or of the first one where several are. */
uint32_t accel_argmax_int8(const int8_t *from, uint32_t depth);
uint32_t accel_argmax_float(const float *from, uint32_t depth);

#endif
