/* An example: samples from a file through a core behind a serial port, answers into another file.
 *
 *   infer PORT SAMPLES ANSWERS [BAUD]
 *
 * PORT is a serial port, or - for standard input and output, as a process that is the other end of
 * the line gives them. SAMPLES has `program_inputs` one after another, ANSWERS `program_outputs`.
 */
#define _DEFAULT_SOURCE /* cfmakeraw, and rates above 38,400 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define WRITE_MS 5000 /* that the line may take no byte */

typedef struct {
    int in, out;
} line;

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Whether a descriptor can be read or written before a time. */
static int ready(int descriptor, short events, long long until)
{
    struct pollfd waited;
    long long left;
    int found;
    waited.fd = descriptor;
    waited.events = events;
    do {
        left = until - now_ms();
        found = poll(&waited, 1, left > 0 ? (int)left : 0);
    } while (found < 0 && errno == EINTR);
    return found > 0;
}

static size_t line_write(void *context, const uint8_t *bytes, size_t count)
{
    const line *l = context;
    size_t done = 0;
    while (done < count && ready(l->out, POLLOUT, now_ms() + WRITE_MS)) {
        ssize_t part = write(l->out, bytes + done, count - done);
        if (part < 0 && errno != EAGAIN && errno != EINTR)
            break;
        done += part > 0 ? (size_t)part : 0;
    }
    return done;
}

static size_t line_read(void *context, uint8_t *bytes, size_t count, uint32_t timeout_ms)
{
    const line *l = context;
    long long until;
    size_t done = 0;
    uint8_t dropped[64];
    if (!count)
        tcdrain(l->out); /* silence begins once all has left */
    until = now_ms() + timeout_ms;
    while ((!count || done < count) && ready(l->in, POLLIN, until)) {
        ssize_t part = count ? read(l->in, bytes + done, count - done)
                             : read(l->in, dropped, sizeof dropped);
        if (part == 0 || (part < 0 && errno != EAGAIN && errno != EINTR))
            break; /* the other end is gone */
        done += part > 0 ? (size_t)part : 0;
    }
    return done;
}

static int open_port(line *l, const char *name, long baud)
{
    static const struct {
        long baud;
        speed_t speed;
    } speeds[] = {{9600, B9600},     {19200, B19200},   {38400, B38400},   {57600, B57600},
                  {115200, B115200}, {230400, B230400},
#ifdef B460800
                  {460800, B460800},
#endif
#ifdef B921600
                  {921600, B921600},
#endif
#ifdef B1000000
                  {1000000, B1000000},
#endif
#ifdef B2000000
                  {2000000, B2000000},
#endif
    };
    struct termios settings;
    size_t i;
    l->in = l->out = open(name, O_RDWR | O_NOCTTY);
    if (l->in < 0 || tcgetattr(l->in, &settings)) {
        perror(name);
        return 0;
    }
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    for (i = 0; i < sizeof speeds / sizeof *speeds; i++)
        if (speeds[i].baud == baud && !cfsetspeed(&settings, speeds[i].speed) &&
            !tcsetattr(l->in, TCSAFLUSH, &settings))
            return 1;
    fprintf(stderr, "%s: cannot be set to %ld baud\n", name, baud);
    return 0;
}

static int failed(const char *what, const accel_link *link, accel_status status)
{
    if (!status)
        return 0;
    fprintf(stderr, "%s: %s\n", what, accel_message(status));
    if (status == ACCEL_OTHER_VERSION || status == ACCEL_OTHER_CORE)
        fprintf(stderr, "found: protocol %u, %ux%u array, weights of %u bits\n", link->identity[4],
                link->identity[5], link->identity[6], link->identity[7]);
    return 1;
}

int main(int count, char **words)
{
    static program_inputs in;
    static program_outputs out;
    accel_link link;
    line l = {STDIN_FILENO, STDOUT_FILENO};
    unsigned long samples = 0;
    int problem = 0;
    FILE *from, *to;
    if (count < 4 || count > 5) {
        fprintf(stderr, "usage: %s PORT SAMPLES ANSWERS [BAUD]\n", words[0]);
        return 2;
    }
    if (strcmp(words[1], "-") && !open_port(&l, words[1], count > 4 ? atol(words[4]) : PROGRAM_BAUD))
        return 2;
    memset(&link, 0, sizeof link);
    link.write = line_write;
    link.read = line_read;
    link.context = &l;
    from = fopen(words[2], "rb");
    to = fopen(words[3], "wb");
    if (!from || !to) {
        perror(from ? words[3] : words[2]);
        return 2;
    }
    problem = failed("open", &link, accel_open(&link, &program)) ||
              failed("load", &link, accel_load(&link, &program));
    while (!problem && fread(&in, sizeof in, 1, from) == 1) {
        problem = failed("run", &link, program_infer(&link, &in, &out)) ||
                  fwrite(&out, sizeof out, 1, to) != 1;
        samples += !problem;
    }
    problem |= fclose(to) != 0;
    fclose(from);
    fprintf(stderr, "%lu samples, %lu cycles each, %lu sent again\n", samples,
            (unsigned long)link.counters.cycles, (unsigned long)link.retries);
    return problem;
}

/* Over SPI a host makes the clock: mode 0, most significant bit first, at up to a quarter of the
 * core's clock. The core has something to say in whatever the host sends, and zeros else. So:
 *
 * - Select the core before `accel_open` and leave it selected; the first byte after that is 0.
 * - `write`: transfer the bytes; what comes meanwhile may be dropped, the driver asks again.
 * - `read` of count 0: make no clock for `timeout_ms`, and return 0.
 * - `read` of count 1: transfer zeros until a byte other than 0 comes, or time is over. No answer
 *   begins with 0.
 * - `read` of more: transfer so many zeros and return what comes, zeros too. An answer has no gaps.
 */
