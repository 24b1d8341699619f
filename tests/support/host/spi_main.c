/* Runs samples through a core whose SPI line is standard output and input: for each byte out, one
 * comes in. As `main.c` of an export, but for the transport.
 *
 *   infer_spi SAMPLES ANSWERS
 */
#define _DEFAULT_SOURCE
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define BLOCK 64u

/* What has been clocked in and not been asked for: an answer may begin within a block. */
typedef struct {
    uint8_t bytes[BLOCK];
    size_t first, end;
} spi;

static int transfer(const uint8_t *out, uint8_t *in, size_t count)
{
    size_t done = 0;
    if (write(STDOUT_FILENO, out, count) != (ssize_t)count)
        return 0;
    while (done < count) {
        ssize_t part = read(STDIN_FILENO, in + done, count - done);
        if (part <= 0)
            return 0;
        done += (size_t)part;
    }
    return 1;
}

static size_t spi_write(void *context, const uint8_t *bytes, size_t count)
{
    spi *s = context;
    uint8_t dropped[BLOCK];
    size_t done, part;
    s->first = s->end = 0;
    for (done = 0; done < count; done += part) {
        part = count - done < BLOCK ? count - done : BLOCK;
        if (!transfer(bytes + done, dropped, part))
            break;
    }
    return done;
}

static size_t spi_read(void *context, uint8_t *bytes, size_t count, uint32_t timeout_ms)
{
    static const uint8_t zeros[BLOCK] = {0};
    spi *s = context;
    struct timespec now;
    long long until;
    size_t done = 0;
    if (!count) {
        poll(NULL, 0, (int)timeout_ms);
        s->first = s->end = 0;
        return 0;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    until = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + timeout_ms;
    while (done < count) {
        if (s->first == s->end) {
            clock_gettime(CLOCK_MONOTONIC, &now);
            if (now.tv_sec * 1000LL + now.tv_nsec / 1000000 > until)
                break;
            if (!transfer(zeros, s->bytes, BLOCK))
                break;
            s->first = 0;
            s->end = BLOCK;
        }
        if (count > 1 || s->bytes[s->first])
            bytes[done++] = s->bytes[s->first];
        s->first++;
    }
    return done;
}

int main(int count, char **words)
{
    static program_inputs in;
    static program_outputs out;
    accel_link link;
    accel_status status;
    spi s = {{0}, 0, 0};
    FILE *from = count == 3 ? fopen(words[1], "rb") : NULL;
    FILE *to = count == 3 ? fopen(words[2], "wb") : NULL;
    if (!from || !to)
        return 2;
    memset(&link, 0, sizeof link);
    link.write = spi_write;
    link.read = spi_read;
    link.context = &s;
    status = accel_open(&link, &program);
    if (!status)
        status = accel_load(&link, &program);
    while (!status && fread(&in, sizeof in, 1, from) == 1) {
        status = program_infer(&link, &in, &out);
        if (!status && fwrite(&out, sizeof out, 1, to) != 1)
            return 2;
    }
    fclose(from);
    fprintf(stderr, "%s, %lu sent again\n", accel_message(status), (unsigned long)link.retries);
    return fclose(to) || status;
}
