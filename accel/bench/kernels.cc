// int8 layers as TFLite Micro's reference kernels compute them: plain loops over one sample, double
// rounding. The CPU baseline of `accel bench`; the sizes are those of cpu_steps.Window.

#include <algorithm>
#include <cstdint>

namespace {

// gemmlowp: the high half of a doubled product, then a division by a power of two.
int32_t scaled(int32_t x, int32_t multiplier, int32_t shift) {
    int64_t value = shift > 0 ? int64_t(x) << shift : x;
    int64_t high = (value * multiplier + (int64_t(1) << 30)) >> 31;
    int right = shift > 0 ? 0 : -shift;
    int64_t mask = (int64_t(1) << right) - 1;
    int64_t threshold = (mask >> 1) + (high < 0);
    return int32_t((high >> right) + ((high & mask) > threshold));
}

}  // namespace

extern "C" {

struct Window {
    int32_t in_height, in_width, in_channels, out_height, out_width, out_channels;
    int32_t height, width, depth, stride_y, stride_x, dilation_y, dilation_x, top, left;
    int32_t in_offset, weight_offset, out_offset, low, high;
};

// Weights [out, height, width, depth]; where depth is a part of the channels, groups see theirs.
void conv2d(const Window *w, const int8_t *in, const int8_t *weights, const int32_t *bias,
            const int32_t *multiplier, const int32_t *shift, int8_t *out) {
    int per_group = w->out_channels / (w->in_channels / w->depth);
    for (int y = 0; y < w->out_height; y++)
        for (int x = 0; x < w->out_width; x++)
            for (int c = 0; c < w->out_channels; c++) {
                int32_t sum = bias[c];
                int first = c / per_group * w->depth;
                for (int i = 0; i < w->height; i++)
                    for (int j = 0; j < w->width; j++) {
                        int iy = y * w->stride_y - w->top + i * w->dilation_y;
                        int ix = x * w->stride_x - w->left + j * w->dilation_x;
                        if (iy < 0 || iy >= w->in_height || ix < 0 || ix >= w->in_width) continue;
                        const int8_t *pixel = in + (iy * w->in_width + ix) * w->in_channels + first;
                        const int8_t *tap = weights + ((c * w->height + i) * w->width + j) * w->depth;
                        for (int k = 0; k < w->depth; k++)
                            sum += (pixel[k] + w->in_offset) * (tap[k] + w->weight_offset);
                    }
                int32_t code = scaled(sum, multiplier[c], shift[c]) + w->out_offset;
                *out++ = int8_t(std::clamp(code, w->low, w->high));
            }
}

// Weights [height, width, out]; depth is the output channels of each input channel.
void depthwise_conv2d(const Window *w, const int8_t *in, const int8_t *weights, const int32_t *bias,
                      const int32_t *multiplier, const int32_t *shift, int8_t *out) {
    for (int y = 0; y < w->out_height; y++)
        for (int x = 0; x < w->out_width; x++)
            for (int c = 0; c < w->out_channels; c++) {
                int32_t sum = bias[c];
                for (int i = 0; i < w->height; i++)
                    for (int j = 0; j < w->width; j++) {
                        int iy = y * w->stride_y - w->top + i * w->dilation_y;
                        int ix = x * w->stride_x - w->left + j * w->dilation_x;
                        if (iy < 0 || iy >= w->in_height || ix < 0 || ix >= w->in_width) continue;
                        int pixel = in[(iy * w->in_width + ix) * w->in_channels + c / w->depth];
                        int tap = weights[(i * w->width + j) * w->out_channels + c];
                        sum += (pixel + w->in_offset) * (tap + w->weight_offset);
                    }
                int32_t code = scaled(sum, multiplier[c], shift[c]) + w->out_offset;
                *out++ = int8_t(std::clamp(code, w->low, w->high));
            }
}

// The mean of the pixels under each window, rounded half away from zero.
void average_pool2d(const Window *w, const int8_t *in, int8_t *out) {
    for (int y = 0; y < w->out_height; y++)
        for (int x = 0; x < w->out_width; x++)
            for (int c = 0; c < w->out_channels; c++) {
                int32_t sum = 0, count = 0;
                for (int i = 0; i < w->height; i++)
                    for (int j = 0; j < w->width; j++) {
                        int iy = y * w->stride_y - w->top + i, ix = x * w->stride_x - w->left + j;
                        if (iy < 0 || iy >= w->in_height || ix < 0 || ix >= w->in_width) continue;
                        sum += in[(iy * w->in_width + ix) * w->in_channels + c];
                        count++;
                    }
                int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                *out++ = int8_t(std::clamp(mean, w->low, w->high));
            }
}

void max_pool2d(const Window *w, const int8_t *in, int8_t *out) {
    for (int y = 0; y < w->out_height; y++)
        for (int x = 0; x < w->out_width; x++)
            for (int c = 0; c < w->out_channels; c++) {
                int32_t most = -128;
                for (int i = 0; i < w->height; i++)
                    for (int j = 0; j < w->width; j++) {
                        int iy = y * w->stride_y - w->top + i, ix = x * w->stride_x - w->left + j;
                        if (iy < 0 || iy >= w->in_height || ix < 0 || ix >= w->in_width) continue;
                        most = std::max<int32_t>(most, in[(iy * w->in_width + ix) * w->in_channels + c]);
                    }
                *out++ = int8_t(std::clamp(most, w->low, w->high));
            }
}

// Over height and width.
void mean(const Window *w, const int8_t *in, const int32_t *multiplier, const int32_t *shift,
          int8_t *out) {
    for (int c = 0; c < w->in_channels; c++) {
        int32_t sum = 0;
        for (int i = 0; i < w->in_height * w->in_width; i++)
            sum += in[i * w->in_channels + c] + w->in_offset;
        int32_t code = scaled(sum, multiplier[c], shift[c]) + w->out_offset;
        out[c] = int8_t(std::clamp(code, w->low, w->high));
    }
}

// Three scales, of both operands and of their sum; weight_offset is the second operand's.
void add(const Window *w, int32_t size, const int8_t *a, const int8_t *b, const int32_t *multiplier,
         const int32_t *shift, int8_t *out) {
    for (int i = 0; i < size; i++) {
        int32_t first = scaled((a[i] + w->in_offset) << 20, multiplier[0], shift[0]);
        int32_t second = scaled((b[i] + w->weight_offset) << 20, multiplier[1], shift[1]);
        int32_t code = scaled(first + second, multiplier[2], shift[2]) + w->out_offset;
        out[i] = int8_t(std::clamp(code, w->low, w->high));
    }
}

void lookup(int32_t size, const int8_t *in, const int8_t *table, int8_t *out) {
    for (int i = 0; i < size; i++) out[i] = table[in[i] + 128];
}
}
