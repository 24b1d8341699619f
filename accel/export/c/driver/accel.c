/* The driver: frames, acknowledgements and answers. See accel.h. */
#include "accel.h"

enum { WRITE = 1, RUN, READ, INFO, HELLO, CHECK, ABORT };
enum { RESULT = 0x82, DATA, INFORMED, DONE = 0xE0, SPOILT, UNKNOWN, EARLY };
enum { RUN_DONE, RUN_LAYERS, RUN_CYCLES, RUN_ABORTED, RUN_BAD_FLASH };
enum { FLASH_CHECKING, FLASH_OK, FLASH_NO_CHIP, FLASH_WRONG_HEADER, FLASH_WRONG_CRC };

#define HEADER_BYTES 11u
#define EXTENSION_BYTES 6u
#define COUNTERS_BYTES 13u
#define COUNTER_MASK 0x3FFFFFFu
#define RESULT_BYTES (COUNTERS_BYTES + 1u)
#define INFO_BYTES (ACCEL_IDENTITY_BYTES + RESULT_BYTES)
#define PAYLOAD_BYTES 1024u
#define ANY_FRAME_BYTES (HEADER_BYTES + PAYLOAD_BYTES + 4u) /* so many zeros end any frame */
#define FLASH_UNIT 128u
#define BLOCK 32u            /* bytes that are on the stack at a time */
#define SEARCHES 4           /* attempts to find a core */
#define PERSISTENCE 8        /* attempts with a core that was found */
#define FIRST 1u             /* number: a core that has started anew expects 0 */
#define RENUMBERED 128u      /* number from which on they begin again before a run */
#define GOOD_CRC 0x2144DF1Cu /* of any bytes and their CRC */

typedef struct {
    uint8_t opcode, number, lanes;
    uint16_t count;
    uint32_t location;
} head;

/* What is sent after a header: bytes as they are, or spans of a sample. */
typedef struct {
    const uint8_t *bytes;
    const accel_span *span;
    uint16_t done; /* bytes of the span */
} payload;

/* An answer with data that is due: some fixed bytes, then words. */
typedef struct {
    uint8_t status;    /* that it begins with; 0 where none is due any more */
    uint8_t number;    /* of the frame that asked for it */
    uint8_t size;      /* fixed bytes */
    uint8_t lanes;     /* bytes of a word on the line */
    uint16_t channels; /* of a position; bytes after them are dropped */
    uint16_t channel;  /* the next one */
    uint32_t bytes;    /* of the words */
    uint8_t *to;
    uint8_t fixed[INFO_BYTES];
} reply;

/* zlib's CRC-32 of bytes after others, whose CRC is given. */
static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t count)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
        0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
        0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
    crc = ~crc & 0xFFFFFFFFu;
    while (count--) {
        crc ^= *bytes++;
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
    }
    return ~crc & 0xFFFFFFFFu;
}

static void put(uint8_t *to, uint32_t value, unsigned bytes)
{
    for (; bytes; bytes--, value >>= 8)
        *to++ = (uint8_t)value;
}

static uint32_t get32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* What cannot be sent is not answered, and sent again like all that is lost on the line. */
static void send(accel_link *link, const uint8_t *bytes, size_t count)
{
    link->write(link->context, bytes, count);
}

static size_t pause(accel_link *link, uint32_t ms)
{
    uint8_t none;
    return link->read(link->context, &none, 0, ms);
}

static void send_header(accel_link *link, const head *h)
{
    uint8_t bytes[HEADER_BYTES];
    bytes[0] = h->opcode;
    bytes[1] = h->number;
    put(bytes + 2, h->count | (h->lanes - 1u) << 11, 2);
    put(bytes + 4, h->location, 3);
    put(bytes + 7, crc32(0, bytes, 7), 4);
    send(link, bytes, sizeof bytes);
}

/* What of memory is to be read, as the payload of RUN and READ. */
static void extend(uint8_t *bytes, uint32_t location, uint32_t count, uint8_t lanes, uint8_t limit)
{
    put(bytes, location, 3);
    put(bytes + 3, count | (lanes - 1u) << 11, 2);
    bytes[5] = limit;
}

static uint8_t next(payload *p)
{
    const accel_span *span = p->span;
    if (!span)
        return *p->bytes++;
    while (p->done == (span->count & (ACCEL_FILL - 1u))) {
        p->done = 0;
        p->span = ++span;
        if (!(span->count & ACCEL_FILL))
            p->bytes += span->step;
    }
    p->done++;
    return span->count & ACCEL_FILL ? (uint8_t)span->step : *p->bytes++;
}

static void send_payload(accel_link *link, payload *p, uint32_t count)
{
    uint8_t block[BLOCK];
    uint32_t crc = 0;
    while (count) {
        uint8_t size = 0;
        for (; count && size < BLOCK; count--)
            block[size++] = next(p);
        crc = crc32(crc, block, size);
        send(link, block, size);
    }
    put(block, crc, 4);
    send(link, block, 4);
}

/* Send what RUN and READ have in common. */
static void send_extended(accel_link *link, const head *h, const uint8_t *extension)
{
    payload p = {0, 0, 0};
    p.bytes = extension;
    send_header(link, h);
    send_payload(link, &p, EXTENSION_BYTES);
}

/* The next answer: its status, or 0 where none came as it should. */
static uint8_t answer(accel_link *link, reply *due, uint32_t ms)
{
    uint8_t block[BLOCK], status, number = 0, *to = due->to;
    uint16_t channel = due->channel;
    uint32_t at = 0, words, end, crc;
    if (link->read(link->context, block, 1, ms) != 1)
        return 0;
    status = block[0];
    crc = crc32(0, block, 1);
    words = end = 1; /* where they begin, and where the CRC does, from the number on */
    if (status && status == due->status) {
        words += due->size;
        end = words + due->bytes;
    } else if (status < DONE || status > EARLY) {
        return 0;
    }
    while (at < end + 4) {
        uint32_t left = end + 4 - at;
        uint8_t i, count = (uint8_t)(left < BLOCK ? left : BLOCK);
        if (left == BLOCK + 1)
            count--; /* a single byte would be taken for the first one of an answer */
        if (link->read(link->context, block, count, ACCEL_ANSWER_MS) != count)
            return 0;
        crc = crc32(crc, block, count);
        for (i = 0; i < count; i++, at++) {
            if (at == 0) {
                number = block[i];
            } else if (at < words) {
                due->fixed[at - 1] = block[i];
            } else if (at < end) {
                if (channel < due->channels)
                    *to++ = block[i];
                if (++channel >= due->channels && channel % due->lanes == 0)
                    channel = 0;
            }
        }
    }
    if (crc != GOOD_CRC)
        return 0;
    if (status >= DONE) {
        link->expected = number;
        return status;
    }
    if (number != due->number)
        return 0;
    due->status = 0;
    due->to = to;
    due->channel = channel;
    return status;
}

/* Whether a core has started anew: it expects number 0, which follows on none of ours but 255. */
static int anew(const accel_link *link)
{
    return !link->expected && (uint8_t)(link->number + 1u) > 1u;
}

/* Have both ends drop what is left of a frame and of its answer. */
static void resynchronise(accel_link *link)
{
    static const uint8_t zeros[BLOCK] = {0};
    unsigned count;
    for (count = 0; count < ANY_FRAME_BYTES; count += BLOCK)
        send(link, zeros, BLOCK);
    for (count = 0; count < PERSISTENCE && pause(link, ACCEL_QUIET_MS); count++)
        continue;
}

static int recovers(accel_link *link)
{
    if (anew(link) || ++link->faults >= PERSISTENCE)
        return 0;
    link->retries++;
    resynchronise(link);
    return 1;
}

/* Why there is nothing to be mended. */
static accel_status lost(accel_link *link)
{
    if (!anew(link))
        return ACCEL_LINK_LOST;
    link->loaded = 0;
    return ACCEL_STARTED_ANEW;
}

/* Wait for the answer that is due, acknowledgements aside; returns 0 if it does not come. */
static int comes(accel_link *link, reply *due, uint32_t ms)
{
    uint8_t tries;
    for (tries = 0; due->status && tries < PERSISTENCE; tries++)
        if (!answer(link, due, ms) || anew(link))
            return 0;
    return !due->status;
}

/* Send a frame without payload or number, and return the answer's status. */
static uint8_t command(accel_link *link, uint8_t opcode)
{
    head h = {0, 0, 1, 0, 0};
    reply none;
    h.opcode = opcode;
    none.status = 0;
    send_header(link, &h);
    return answer(link, &none, ACCEL_ANSWER_MS);
}

/* Have the core expect the first number next, and say what it is; returns 0 if it does not. */
static int greet(accel_link *link, reply *due)
{
    const head h = {HELLO, FIRST, 1, 0, 0};
    due->status = INFORMED;
    due->number = FIRST;
    due->size = INFO_BYTES;
    due->bytes = 0;
    send_header(link, &h);
    if (!comes(link, due, ACCEL_ANSWER_MS))
        return 0;
    link->number = link->expected = FIRST;
    link->faults = 0;
    return 1;
}

/* Whether it is still the core that the frames before went to. */
static accel_status confirm(accel_link *link)
{
    while (command(link, ABORT) != DONE || link->expected != link->number)
        if (!recovers(link))
            return lost(link);
    link->faults = 0;
    return ACCEL_OK;
}

/* Ask for data by READ, with an extension, or INFO. */
static accel_status ask(accel_link *link, uint8_t opcode, const uint8_t *extension, reply *due)
{
    head h = {0, 0, 1, 0, 0};
    h.opcode = opcode;
    h.number = due->number = link->number;
    do {
        if (extension)
            send_extended(link, &h, extension);
        else
            send_header(link, &h);
        if (comes(link, due, ACCEL_ANSWER_MS)) {
            link->faults = 0;
            return ACCEL_OK;
        }
    } while (recovers(link));
    return lost(link);
}

/* Send a counted frame until the core has accepted it, or has sent the result of `run`.
 * It comes too early at most `patience` times, a millisecond apart.
 *
 * Numbers begin again after one that was accepted: so it is the same core. It is asked that by the
 * frame, which is not executed twice, and not by ABORT, which would forget bands. */
static accel_status counted(accel_link *link, head *h, payload *p, uint32_t bytes, reply *run,
                            uint32_t patience)
{
    const payload whole = *p;
    const uint8_t last = link->number >= RENUMBERED && (h->opcode & 15u) == WRITE && !run->status;
    uint8_t greeted = 0;
    h->number = link->number;
    for (;;) {
        uint8_t status, accepted;
        reply informed;
        *p = whole;
        send_header(link, h);
        send_payload(link, p, bytes);
        status = answer(link, run, ACCEL_ANSWER_MS);
        accepted = status == DONE && (link->expected == (uint8_t)(h->number + 1u) ||
                                      (greeted && link->expected == FIRST));
        if (accepted && (!last || greet(link, &informed))) {
            link->number = link->expected;
            link->faults = 0;
            return ACCEL_OK;
        }
        if (status == RESULT)
            return ACCEL_OK;
        if (status == UNKNOWN)
            return ACCEL_UNKNOWN_FRAME;
        greeted |= accepted;
        if (status == EARLY && patience) {
            patience--;
            pause(link, 1);
        } else if (!recovers(link)) {
            return lost(link);
        }
    }
}

/* Write words in frames, of which the first has some flags and the last one others. */
static accel_status write_words(accel_link *link, const accel_piece *words, payload *p, reply *run,
                                uint32_t patience)
{
    const uint32_t most = PAYLOAD_BYTES / words->lanes;
    uint32_t done, count;
    for (done = 0; done < words->words; done += count) {
        accel_status problem;
        head h;
        count = words->words - done < most ? words->words - done : most;
        h.opcode = WRITE;
        if (!done)
            h.opcode |= words->flags & ACCEL_WHEN_FREE;
        if (done + count == words->words)
            h.opcode |= words->flags & ACCEL_BAND;
        h.lanes = words->lanes;
        h.count = (uint16_t)count;
        h.location = words->location + done;
        problem = counted(link, &h, p, count * words->lanes, run, patience);
        if (problem || link->number == h.number) /* or the run has ended */
            return problem;
    }
    return ACCEL_OK;
}

static accel_status write_piece(accel_link *link, const accel_piece *piece,
                                const int8_t *const *inputs, reply *run, uint32_t patience)
{
    payload p = {0, 0, 0};
    p.bytes = (const uint8_t *)inputs[piece->input];
    p.span = piece->spans;
    return write_words(link, piece, &p, run, patience);
}

static accel_status read_words(accel_link *link, uint32_t location, uint32_t count, reply *due)
{
    uint8_t extension[EXTENSION_BYTES];
    extend(extension, location, count, due->lanes, 0);
    due->status = DATA;
    due->size = 0;
    due->bytes = count * due->lanes;
    return ask(link, READ, extension, due);
}

accel_status accel_open(accel_link *link, const accel_program *program)
{
    reply due;
    uint8_t tries, i;
    link->number = link->faults = 0;
    for (tries = 0;; tries++) {
        if (command(link, ABORT) == DONE) {
            if (!link->expected)
                link->loaded = 0; /* it has started anew */
            if (greet(link, &due))
                break;
        }
        if (tries == SEARCHES)
            return ACCEL_LINK_LOST;
        link->retries++;
        resynchronise(link); /* the core may have been left within a frame, or a run */
    }
    for (i = 0; i < ACCEL_IDENTITY_BYTES; i++)
        link->identity[i] = due.fixed[i];
    for (i = 0; i < ACCEL_IDENTITY_BYTES; i++)
        if (due.fixed[i] != program->identity[i])
            return i < 4 ? ACCEL_NOT_A_CORE : i == 4 ? ACCEL_OTHER_VERSION : ACCEL_OTHER_CORE;
    return ACCEL_OK;
}

/* What the core finds in its flash, checked anew. */
static accel_status flash_state(accel_link *link)
{
    uint32_t waited;
    reply due;
    while (command(link, CHECK) != DONE)
        if (!recovers(link))
            return lost(link);
    for (waited = 0; waited < ACCEL_CHECK_MS; waited += 10) {
        accel_status problem;
        due.status = INFORMED;
        due.size = INFO_BYTES;
        due.bytes = 0;
        problem = ask(link, INFO, 0, &due);
        if (problem)
            return problem;
        switch (due.fixed[INFO_BYTES - 1] & 15) {
        case FLASH_CHECKING:
            pause(link, 10);
            break;
        case FLASH_OK:
            return ACCEL_OK;
        case FLASH_NO_CHIP:
            return ACCEL_FLASH_MISSING;
        case FLASH_WRONG_CRC:
            return ACCEL_FLASH_DAMAGED;
        default:
            return ACCEL_FLASH_EMPTY;
        }
    }
    return ACCEL_FLASH_BUSY;
}

/* Whether these bytes are in the flash. */
static accel_status flash_has(accel_link *link, const accel_program *program, uint32_t at,
                              const uint8_t *bytes, uint8_t count)
{
    uint8_t found[FLASH_UNIT + ACCEL_IMAGE_HEADER_BYTES + 32];
    const uint8_t *from = found + at % FLASH_UNIT;
    accel_status problem;
    reply due;
    due.lanes = program->rows;
    due.channels = program->rows;
    due.channel = 0;
    due.to = found;
    problem = read_words(link, program->flash + at / FLASH_UNIT,
                         (at % FLASH_UNIT + count + program->rows - 1) / program->rows, &due);
    for (; !problem && count; count--)
        if (*from++ != *bytes++)
            problem = ACCEL_FLASH_OTHER;
    return problem;
}

accel_status accel_load(accel_link *link, const accel_program *program)
{
    accel_status problem = ACCEL_OK;
    uint16_t i;
    reply none;
    none.status = 0;
    link->loaded = 0;
    if (program->image) {
        problem = flash_state(link);
        if (!problem)
            problem = flash_has(link, program, 0, program->image, ACCEL_IMAGE_HEADER_BYTES);
        if (!problem)
            problem = flash_has(link, program, program->image_end, program->image_crc, 4);
    }
    for (i = 0; !problem && i < program->count_chunks; i++) {
        const accel_chunk *chunk = &program->chunks[i];
        accel_piece words = {0, 0, 0, 0, 0, 0};
        payload p = {0, 0, 0};
        words.location = chunk->location;
        words.words = chunk->words;
        words.lanes = program->rows;
        p.bytes = chunk->bytes;
        problem = write_words(link, &words, &p, &none, 0);
    }
    if (!problem)
        link->loaded = program;
    return problem;
}

/* Take note of what a run's answer says. */
static accel_status ended(accel_link *link, const reply *run)
{
    const uint8_t *bytes = run->fixed;
    link->counters.cycles = get32(bytes) & COUNTER_MASK;
    link->counters.busy = get32(bytes + 3) >> 2 & COUNTER_MASK;
    link->counters.waiting_weights = get32(bytes + 6) >> 4 & COUNTER_MASK;
    link->counters.waiting_drain = get32(bytes + 9) >> 6 & COUNTER_MASK;
    switch (bytes[COUNTERS_BYTES] >> 4) {
    case RUN_DONE:
        return ACCEL_OK;
    case RUN_CYCLES:
        return ACCEL_RUN_TOO_LONG;
    case RUN_BAD_FLASH:
        return ACCEL_FLASH_EMPTY;
    default:
        return ACCEL_RUN_ENDED;
    }
}

accel_status accel_run(accel_link *link, const accel_program *program,
                       const int8_t *const *inputs, int8_t *const *outputs)
{
    const accel_output *output = program->outputs;
    const uint8_t before = (uint8_t)(program->count_pieces - program->count_during);
    uint8_t extension[EXTENSION_BYTES], i, alone = 0; /* words were read by themselves */
    uint32_t done, most;
    accel_status problem;
    payload p = {0, 0, 0};
    head h = {0, 0, 1, 0, 0};
    reply due;

    if (link->loaded != program)
        return ACCEL_NOT_LOADED;
    due.status = 0;
    for (i = 0; i < before; i++) {
        problem = write_piece(link, &program->pieces[i], inputs, &due, 0);
        if (problem)
            return problem;
    }
    most = PAYLOAD_BYTES / output->lanes;
    done = output->words < most ? output->words : most;
    extend(extension, output->location, done, output->lanes, program->limit);
    h.opcode = RUN | program->run_flags;
    h.location = program->entry;
    p.bytes = extension;
    due.number = link->number;
    due.size = RESULT_BYTES;
    due.lanes = output->lanes;
    due.channels = output->channels;
    due.channel = 0;
    due.bytes = done * output->lanes;
    due.to = (uint8_t *)outputs[0];
    problem = counted(link, &h, &p, EXTENSION_BYTES, &due, 0); /* before it, no result is due */
    due.status = RESULT;
    for (i = before; !problem && due.status && i < program->count_pieces; i++)
        problem = write_piece(link, &program->pieces[i], inputs, &due, program->run_ms);
    if (problem)
        return problem;
    while (!comes(link, &due, ACCEL_ANSWER_MS + program->run_ms)) {
        if (!recovers(link))
            return lost(link);
        send_extended(link, &h, extension); /* a result is sent again, nothing runs again */
    }
    link->faults = 0;
    problem = ended(link, &due);
    if ((uint8_t)(link->number + 1u) < 2u && !greet(link, &due)) /* after very many frames */
        return ACCEL_LINK_LOST;
    for (i = 0; !problem && i < program->count_outputs; i++) {
        output = &program->outputs[i];
        if (i) {
            done = 0;
            due.channel = 0;
            due.to = (uint8_t *)outputs[i];
        }
        due.lanes = output->lanes;
        due.channels = output->channels;
        most = PAYLOAD_BYTES / output->lanes;
        for (; !problem && done < output->words; done += most) {
            uint32_t left = output->words - done;
            problem =
                read_words(link, output->location + done, left < most ? left : most, &due);
            alone = 1;
        }
    }
    return problem || !alone ? problem : confirm(link);
}

const char *accel_message(accel_status status)
{
    static const char *const messages[] = {
        "done",
        "the core does not answer: check the cable, the rate and the bitstream",
        "something else than a core answers: load the bitstream",
        "the core speaks another version of the protocol: build its bitstream anew",
        "the core was built with other options than the program is for",
        "the core does not know a request: build its bitstream anew",
        "the core did not end the check of its flash",
        "the core's flash does not answer: there is no chip, or one of another kind",
        "the core's flash holds no program for this core: write program.bin there",
        "the core's flash holds a program that is damaged: write program.bin there again",
        "the core's flash holds another program: write this one's program.bin there",
        "the core ended the run at its limit of cycles: load the program again",
        "somebody else ended the run",
        "a value to quantize is not a number",
        "the core has started anew and lost what was loaded: check its power; open and load again",
        "the program is not loaded, or the core has started anew since: load it"};
    return (size_t)status < sizeof messages / sizeof *messages ? messages[status] : "unknown";
}
