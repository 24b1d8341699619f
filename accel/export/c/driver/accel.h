/* Runs a compiled network on a core, over any transport of bytes: protocol 4 of the link.
 *
 * C99, no heap, no recursion, either endianness. A core is used by one caller at a time.
 */
#ifndef ACCEL_H
#define ACCEL_H

#include <stddef.h>
#include <stdint.h>

#define ACCEL_PROTOCOL_VERSION 4
#define ACCEL_IDENTITY_BYTES 16
#define ACCEL_IMAGE_HEADER_BYTES 32

#ifndef ACCEL_ANSWER_MS
#define ACCEL_ANSWER_MS 2000u /* an answer begins within this time, or is lost */
#endif
#ifndef ACCEL_QUIET_MS
#define ACCEL_QUIET_MS 100u /* at least 65536 cycles of the core's clock */
#endif
#ifndef ACCEL_CHECK_MS
#define ACCEL_CHECK_MS 60000u /* the core has checked its flash within this time */
#endif

typedef enum {
    ACCEL_OK = 0,
    ACCEL_LINK_LOST,     /* no answer, or none without faults: cable, rate, bitstream */
    ACCEL_NOT_A_CORE,    /* something else answers */
    ACCEL_OTHER_VERSION, /* a core of another protocol: identity[4] says which */
    ACCEL_OTHER_CORE,    /* built with other options than the program is for */
    ACCEL_UNKNOWN_FRAME, /* the core has no such request: its bitstream is older */
    ACCEL_FLASH_BUSY,    /* the core did not end the check of its flash */
    ACCEL_FLASH_MISSING, /* no flash chip answers */
    ACCEL_FLASH_EMPTY,   /* no program of this core is in the flash */
    ACCEL_FLASH_DAMAGED, /* a program whose CRC is wrong is in the flash */
    ACCEL_FLASH_OTHER,   /* another program is in the flash */
    ACCEL_RUN_TOO_LONG,  /* the core ended the run at its limit of cycles: load again */
    ACCEL_RUN_ENDED,     /* somebody else ended the run */
    ACCEL_NOT_A_NUMBER,  /* a value to quantize was NaN */
    ACCEL_STARTED_ANEW,  /* the core has lost what was loaded: open and load again */
    ACCEL_NOT_LOADED     /* it has not been loaded since, or another program has */
} accel_status;

/* What the core counted during the last run. */
typedef struct {
    uint32_t cycles, busy, waiting_weights, waiting_drain; /* modulo 2^26 */
} accel_counters;

/* The way to a core: two callbacks, and what is known of the other end.
 *
 * `write` returns once all bytes have left, with how many those were. It has a timeout of its own.
 *
 * `read` waits for `count` bytes for at most `timeout_ms` and returns how many have come.
 *   count 0: stay silent for `timeout_ms`; forget what comes and what had come, and return how
 *            many bytes that were.
 *   count 1: the first byte of an answer, which is never 0. Over SPI: clock zeros out until a byte
 *            other than 0 comes in.
 * Over SPI the core stays selected all the time.
 */
typedef struct {
    size_t (*write)(void *context, const uint8_t *bytes, size_t count);
    size_t (*read)(void *context, uint8_t *bytes, size_t count, uint32_t timeout_ms);
    void *context;

    uint32_t retries;                       /* what was spoilt on the line and sent again */
    uint8_t identity[ACCEL_IDENTITY_BYTES]; /* what answered to `accel_open` */
    accel_counters counters;

    const struct accel_program *loaded;
    uint8_t number;   /* of the next counted frame */
    uint8_t expected; /* by the core, as its last acknowledgement says */
    uint8_t faults;   /* since a frame was accepted */
} accel_link;

/* Words to load, the bytes of whole words one after another. */
typedef struct {
    uint32_t location;
    uint32_t words;
    const uint8_t *bytes;
} accel_chunk;

/* Bytes of an input as they go over the line. With ACCEL_FILL in `count` they are all `step`;
 * otherwise the place in the sample moves by `step`, and bytes from there on are copied.
 * The first span of a piece is empty. */
#define ACCEL_FILL 0x8000u
typedef struct {
    uint16_t count;
    int16_t step;
} accel_span;

/* Words of an input that are written together. */
#define ACCEL_WHEN_FREE 0x10u /* only once the run has freed their place */
#define ACCEL_BAND 0x20u      /* the last of them make a band whole, which a layer waits for */
typedef struct {
    uint32_t location;
    uint32_t words;
    const accel_span *spans;
    uint8_t input; /* which */
    uint8_t lanes; /* bytes of each word that are on the line */
    uint8_t flags;
} accel_piece;

/* Where an output lies. Positions begin with words; each has so many channels, of a byte each. */
typedef struct {
    uint32_t location;
    uint32_t words;
    uint16_t channels;
    uint8_t lanes;
} accel_output;

typedef struct accel_program {
    uint8_t identity[ACCEL_IDENTITY_BYTES];
    uint8_t rows;       /* bytes of a word */
    uint8_t run_flags;  /* banks whose layers leave cycles free for pieces during the run */
    uint8_t limit;      /* of the run, as its extension has it */
    uint8_t count_pieces, count_during, count_outputs;
    uint16_t count_chunks;
    uint32_t entry;     /* where the run begins */
    uint32_t run_ms;    /* after which it is over */
    const accel_chunk *chunks;
    const accel_piece *pieces; /* in their order; the last `count_during` once the run has begun */
    const accel_output *outputs;
    /* What must be in the core's flash, or a null pointer: the image's first bytes and its CRC. */
    const uint8_t *image;
    uint32_t flash;     /* location of the flash */
    uint32_t image_end; /* bytes of the image before its CRC */
    uint8_t image_crc[4];
} accel_program;

/* Find the core, end what it is at, and check that it is the program's. Also after any error. */
accel_status accel_open(accel_link *link, const accel_program *program);

/* Check the flash if the program needs it, and load what lies in memory: once after `accel_open`,
 * and again when the core has started anew. */
accel_status accel_load(accel_link *link, const accel_program *program);

/* One inference. `inputs` and `outputs` are codes, in the order of the program. */
accel_status accel_run(accel_link *link, const accel_program *program,
                       const int8_t *const *inputs, int8_t *const *outputs);

/* A sentence for a status. */
const char *accel_message(accel_status status);

#endif
