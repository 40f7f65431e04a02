#include "codec/wire/message.h"
#include "tests/unit/codec/base/seed.h"
#include "tests/unit/codec/wire/frames.h"
#include "tests/unit/codec/wire/sample.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>

/* A message of a kind from a map written by hand. */
static err_code_t s_unpack(message_kind_t kind, const void *map, size_t map_bytes, message_t **ret_message,
                           err_t *err)
{
    message_t *message = message_new(kind, "to", "from");
    frames_t frames = frames_of(message);
    free(frames.map);
    frames.map = frames_copy(map, map_bytes);
    frames.map_bytes = map_bytes;
    err_code_t code = frames_unpack(&frames, ret_message, err);
    frames_fini(&frames);
    message_destroy(&message);
    return code;
}

#define BYTES(text) text, sizeof text - 1

typedef struct {
    message_kind_t kind;
    const char *map;
    size_t size;
    err_code_t code;
    const char *text; /* part of the error */
} row_t;

Test(unpack, refuses_what_does_not_fit_the_schema)
{
    static const row_t rows[] = {
        {KIND_hello, BYTES("\x81\x01\xa1\x61"), ERR_MALFORMED, "hello.pid at byte 2: str where u64 belongs"},
        {KIND_hello, BYTES("\x81\x01\xff"), ERR_MALFORMED, "negative integer where u64"},
        {KIND_hello, BYTES("\x81\x01\xc0"), ERR_MALFORMED, "nil where u64"},
        {KIND_hello, BYTES("\x81\x01\xca\0\0\0\0"), ERR_MALFORMED, "float where u64"},
        {KIND_evaluated, BYTES("\x81\x02\x01"), ERR_MALFORMED, "unsigned integer where f64"},
        {KIND_evaluated, BYTES("\x81\x04\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_LIMIT,
         "evaluated.took_us"},
        {KIND_stop, BYTES("\x81\x01\x01"), ERR_MALFORMED, "stop.done"},
        {KIND_unreachable, BYTES("\x81\x01\xc4\x01\x61"), ERR_MALFORMED, "bin where name"},
        {KIND_unreachable, BYTES("\x81\x01\xa2\x61\0"), ERR_MALFORMED, "zero byte"},
        {KIND_refused, BYTES("\x81\x03\xa1\0"), ERR_MALFORMED, "zero byte"},
        {KIND_announce, BYTES("\x81\x0a\x01"), ERR_MALFORMED, "unsigned integer where u64s"},
        {KIND_announce, BYTES("\x81\x0a\x92\x01\xff"), ERR_MALFORMED, "announce.hosted"},
        {KIND_announce, BYTES("\x81\x0a\x91\x91\x01"), ERR_MALFORMED, "array where u64s"},
        {KIND_announce, BYTES("\x81\x06\x01"), ERR_MALFORMED,
         "announce.held at byte 2: unsigned integer where rows"},
        {KIND_announce, BYTES("\x81\x06\x91\xff"), ERR_MALFORMED,
         "announce.held, shard at byte 2: negative integer where u64"},
        {KIND_announce, BYTES("\x81\x06\x91\x91\x01"), ERR_MALFORMED, "array where u64"},
        {KIND_announce, BYTES("\x81\x07\x01"), ERR_MALFORMED, "announce.held.incarnation at byte 2"},
        {KIND_announce, BYTES("\x82\x06\x92\x01\x02\x07\x91\x01"), ERR_MALFORMED,
         "not as many as there are rows"},
        {KIND_announce, BYTES("\x82\x07\x91\x01\x06\x92\x01\x02"), ERR_MALFORMED,
         "not as many as there are rows"},
        {KIND_delta, BYTES("\x81\x18\x93\x01\x02\x03"), ERR_MALFORMED,
         "delta.seen at byte 2: the last row is not whole"},
        {KIND_shard_state, BYTES("\x81\x11\x96\x01\x02\0\x01\x01\xc3"), ERR_MALFORMED, "boolean where bool"},
        {KIND_shard_state, BYTES("\x81\x11\x96\x01\x02\0\x01\x01\x02"), ERR_MALFORMED,
         "queue, final at byte 2"},
        {KIND_keepers, BYTES("\x81\xcc\xe7\x92\x01\x01"), ERR_MALFORMED, "unsigned integer where name"},
        {KIND_keepers, BYTES("\x81\xcc\xe7\x92\xa1\0\x01"), ERR_MALFORMED, "a zero byte"},
        {KIND_global_state, BYTES("\x81\xcc\xe6\x91\x01"), ERR_MALFORMED, "unsigned integer where f64"},
        {KIND_lease_want, BYTES("\x81\x02\x80"), ERR_MALFORMED, "map where ranges"},
        {KIND_lease_want, BYTES("\x81\x02\x91\x01"), ERR_MALFORMED, "odd number"},
        {KIND_lease_want, BYTES("\x81\x02\x92\x01\x01"), ERR_MALFORMED, "interval 0 is empty"},
        {KIND_lease_want, BYTES("\x81\x02\x92\x02\x01"), ERR_MALFORMED, "interval 0 is empty"},
        {KIND_lease_want, BYTES("\x81\x02\x94\x01\x02\x02\x03"), ERR_MALFORMED, "interval 1 is not behind"},
        {KIND_lease_want, BYTES("\x81\x02\x94\x05\x06\x01\x02"), ERR_MALFORMED, "interval 1 is not behind"},
        {KIND_lease_want, BYTES("\x81\x02\x92\x01\xc0"), ERR_MALFORMED, "nil where ranges"},
        {KIND_bye, BYTES("\x81\x01\xdd\xff\xff\xff\xff"), ERR_MALFORMED, "bye: byte 2: a declared length"},
        {KIND_bye, BYTES("\x80\x80"), ERR_MALFORMED, "bye: byte 1: bytes behind"},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        message_t *message = NULL;
        err_t err = {0};
        cr_assert_eq(s_unpack(rows[row].kind, rows[row].map, rows[row].size, &message, &err), rows[row].code,
                     "row %zu: %s", row, err.text);
        cr_assert_null(message);
        cr_assert(strstr(err.text, rows[row].text), "row %zu: %s", row, err.text);
    }
}

Test(unpack, takes_any_width_and_skips_what_it_does_not_know)
{
    static const row_t rows[] = {
        {KIND_hello, BYTES("\x81\x01\x07"), ERR_OK, NULL},
        {KIND_hello, BYTES("\x81\x01\xcf\0\0\0\0\0\0\0\x07"), ERR_OK, NULL},
        {KIND_hello, BYTES("\x81\x01\xd2\0\0\0\x07"), ERR_OK, NULL},
        {KIND_hello, BYTES("\x81\xcc\x01\x07"), ERR_OK, NULL},
        {KIND_hello, BYTES("\x83\x63\xa1\x61\x01\x07\x64\x92\x81\xa1\x61\xc0\xc3"), ERR_OK, NULL},
        {KIND_hello, BYTES("\xde\0\x02\xcc\xff\x93\x01\x02\x03\x01\x07"), ERR_OK, NULL},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        message_t *message = NULL;
        err_t err = {0};
        cr_assert_eq(s_unpack(rows[row].kind, rows[row].map, rows[row].size, &message, &err), ERR_OK,
                     "row %zu: %s", row, err.text);
        cr_assert_eq(message->hello.pid, 7, "row %zu", row);
        message_destroy(&message);
    }
}

/* Columns come in any order, and none of them has to. */
Test(unpack, rows_lack_the_columns_that_were_not_sent)
{
    static const row_t rows[] = {
        {KIND_announce, BYTES("\x82\x06\x92\x01\x02\x08\x92\x05\x06"), ERR_OK, NULL},
        {KIND_announce, BYTES("\x82\x08\x92\x05\x06\x06\x92\x01\x02"), ERR_OK, NULL},
        {KIND_announce, BYTES("\x83\x08\x92\x05\x06\x07\x90\x06\x92\x01\x02"), ERR_OK, NULL},
        {KIND_announce, BYTES("\x83\x08\x92\x05\x06\xcc\xef\x91\x07\x06\x92\x01\x02"), ERR_OK, NULL},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        message_t *message = NULL;
        err_t err = {0};
        cr_assert_eq(s_unpack(rows[row].kind, rows[row].map, rows[row].size, &message, &err), ERR_OK,
                     "row %zu: %s", row, err.text);
        cr_assert_eq(message->announce.held.count, 2, "row %zu", row);
        const announce_held_t *held = message->announce.held.items;
        cr_assert(held[0].shard == 1 && held[0].incarnation == 0 && held[0].number == 5, "row %zu", row);
        cr_assert(held[1].shard == 2 && held[1].incarnation == 0 && held[1].number == 6, "row %zu", row);
        message_destroy(&message);
    }
}

static err_code_t s_unpack_string(message_kind_t kind, uint8_t field, size_t length)
{
    uint8_t map[WIRE_TEXT_SIZE + 16] = {0x81, field, 0xda, (uint8_t)(length >> 8), (uint8_t)length};
    message_t *message = NULL;
    memset(map + 5, 'x', length);
    err_code_t code = s_unpack(kind, map, 5 + length, &message, NULL);
    message_destroy(&message);
    return code;
}

Test(unpack, strings_have_their_limits)
{
    cr_assert_eq(s_unpack_string(KIND_unreachable, 1, WIRE_NAME_SIZE - 1), ERR_OK);
    cr_assert_eq(s_unpack_string(KIND_unreachable, 1, WIRE_NAME_SIZE), ERR_LIMIT);
    cr_assert_eq(s_unpack_string(KIND_refused, 3, WIRE_TEXT_SIZE - 1), ERR_OK);
    cr_assert_eq(s_unpack_string(KIND_refused, 3, WIRE_TEXT_SIZE), ERR_LIMIT);
}

static err_code_t s_unpack_list(message_kind_t kind, uint8_t field, size_t count)
{
    uint8_t *map = calloc(1, 7 + count);
    const uint8_t head[] = {0x81,          field, 0xdd, 0, (uint8_t)(count >> 16), (uint8_t)(count >> 8),
                            (uint8_t)count};
    message_t *message = NULL;
    memcpy(map, head, sizeof head);
    err_code_t code = s_unpack(kind, map, 7 + count, &message, NULL);
    message_destroy(&message);
    free(map);
    return code;
}

Test(unpack, lists_have_their_limits)
{
    cr_assert_eq(s_unpack_list(KIND_announce, 10, WIRE_LIST_MAX), ERR_OK);
    cr_assert_eq(s_unpack_list(KIND_announce, 10, WIRE_LIST_MAX + 1), ERR_LIMIT);
    cr_assert_eq(s_unpack_list(KIND_announce, 6, WIRE_LIST_MAX), ERR_OK);
    cr_assert_eq(s_unpack_list(KIND_announce, 6, WIRE_LIST_MAX + 1), ERR_LIMIT);
    cr_assert_eq(s_unpack_list(KIND_delta, 24, WIRE_LIST_MAX), ERR_OK);
    cr_assert_eq(s_unpack_list(KIND_delta, 24, WIRE_LIST_MAX + 2), ERR_LIMIT);
    cr_assert_eq(s_unpack_list(KIND_lease_want, 2, 2 * RANGES_MAX + 2), ERR_LIMIT);
}

Test(unpack, frames_have_their_limits)
{
    message_t *message = message_new(KIND_bye, "a", "b"), *back = NULL;
    frames_t frames = frames_of(message);
    uint8_t *large = calloc(1, MESSAGE_MAP_MAX + 1);
    cr_assert_eq(
        message_unpack(frames.envelope, frames.envelope_bytes, large, MESSAGE_MAP_MAX + 1, NULL, &back, NULL),
        ERR_LIMIT);
    cr_assert_eq(
        message_unpack(large, MESSAGE_ENVELOPE_MAX + 1, frames.map, frames.map_bytes, NULL, &back, NULL),
        ERR_LIMIT);
    buf_t *data = buf_new(MESSAGE_DATA_MAX + 1);
    frames.data = slice_of(data, 0, MESSAGE_DATA_MAX + 1);
    cr_assert_eq(frames_unpack(&frames, &back, NULL), ERR_LIMIT);
    cr_assert_null(back);
    buf_destroy(&data);
    free(large);
    frames_fini(&frames);
    message_destroy(&message);
}

Test(unpack, data_is_announced_exactly_or_refused)
{
    message_t *message = sample_fixed(schema_find(KIND_push)), *back = NULL;
    frames_t frames = frames_of(message);
    err_t err = {0};
    slice_t whole = frames.data;
    frames.data.size_bytes--;
    cr_assert_eq(frames_unpack(&frames, &back, &err), ERR_MALFORMED);
    cr_assert(strstr(err.text, "7 bytes where 8 are announced"), "%s", err.text);
    frames.data = (slice_t){0};
    cr_assert_eq(frames_unpack(&frames, &back, &err), ERR_MALFORMED);
    cr_assert(strstr(err.text, "no data frame"), "%s", err.text);
    frames.data = whole;
    slice_fini(&message->data);
    frames_t silent = frames_of(message);
    silent.data = slice_ref(&whole);
    cr_assert_eq(frames_unpack(&silent, &back, &err), ERR_MALFORMED);
    cr_assert(strstr(err.text, "does not announce"), "%s", err.text);
    cr_assert_null(back);
    frames_fini(&frames);
    frames_fini(&silent);
    message_destroy(&message);
}

Test(unpack, any_frame_cut_short_is_refused)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (const schema_t *schema = sample_next(0); schema; schema = sample_next((uint64_t)schema->kind)) {
        message_t *message = sample_random(&rng, schema), *back = NULL;
        frames_t frames = frames_of(message);
        for (size_t size = 0; size < frames.map_bytes; size++) {
            frames_t cut = {frames.envelope, frames_copy(frames.map, size), frames.envelope_bytes, size,
                            frames.data};
            cr_assert_neq(frames_unpack(&cut, &back, NULL), ERR_OK, "%s at %zu", schema->name, size);
            free(cut.map);
        }
        for (size_t size = 0; size < frames.envelope_bytes; size++) {
            frames_t cut = {frames_copy(frames.envelope, size), frames.map, size, frames.map_bytes,
                            frames.data};
            cr_assert_neq(frames_unpack(&cut, &back, NULL), ERR_OK, "%s at %zu", schema->name, size);
            free(cut.envelope);
        }
        cr_assert_null(back);
        frames_fini(&frames);
        message_destroy(&message);
    }
}

/* Damaged frames are refused with a text, or give a message that packs and unpacks to itself. */
static int s_judge(const frames_t *frames)
{
    message_t *message = NULL, *back = NULL;
    err_t err = {0};
    err_code_t code = frames_unpack(frames, &message, &err);
    if (code) {
        cr_assert(code == ERR_MALFORMED || code == ERR_LIMIT || code == ERR_VERSION, "%s", err_name(code));
        cr_assert(err.code == code && err.text[0] && !message);
        return 1;
    }
    frames_t again = frames_of(message);
    cr_assert_eq(frames_unpack(&again, &back, &err), ERR_OK, "%s", err.text);
    cr_assert(message_equal(message, back));
    frames_fini(&again);
    message_destroy(&message);
    message_destroy(&back);
    return 0;
}

static void s_damage(rng_t *rng, uint8_t *bytes, size_t size)
{
    for (uint64_t flips = 1 + rng_below(rng, 4); flips; flips--) {
        size_t at = rng_below(rng, size);
        bytes[at] =
            rng_below(rng, 2) ? bytes[at] ^ (uint8_t)(1u << rng_below(rng, 8)) : (uint8_t)rng_u64(rng);
    }
}

Test(unpack, damaged_bytes_never_crash)
{
    rng_t rng;
    int refused = 0, rounds = 0;
    rng_init(&rng, test_seed());
    while (rounds < 25000)
        for (const schema_t *schema = sample_next(0); schema; schema = sample_next((uint64_t)schema->kind)) {
            message_t *message = sample_random(&rng, schema);
            frames_t frames = frames_of(message);
            if (rng_below(&rng, 4))
                s_damage(&rng, frames.map, frames.map_bytes);
            else
                s_damage(&rng, frames.envelope, frames.envelope_bytes);
            refused += s_judge(&frames);
            rounds++;
            frames_fini(&frames);
            message_destroy(&message);
        }
    cr_assert(refused > rounds / 4 && refused < rounds, "%d of %d refused", refused, rounds);
}

Test(unpack, random_bytes_never_crash)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[64];
        size_t size = rng_below(&rng, sizeof bytes);
        for (size_t index = 0; index < size; index++)
            bytes[index] = (uint8_t)rng_u64(&rng);
        message_t *message = NULL;
        if (size)
            bytes[0] = (uint8_t)(0x80 + rng_below(&rng, 16));
        uint8_t *exact = frames_copy(bytes, size);
        if (s_unpack(KIND_delta, exact, size, &message, NULL) == ERR_OK)
            message_destroy(&message);
        free(exact);
    }
}

/* Known to the sanitizer alone; without it the limit on memory below does the same. */
typedef void malloc_hook_fn(const volatile void *block, size_t size);
typedef void free_hook_fn(const volatile void *block);
extern int __sanitizer_install_malloc_and_free_hooks(malloc_hook_fn *on_malloc, free_hook_fn *on_free)
    __attribute__((weak));

static size_t s_largest;

static void s_on_malloc(const volatile void *block, size_t size)
{
    (void)block;
    if (size > s_largest)
        s_largest = size;
}

static void s_on_free(const volatile void *block)
{
    (void)block;
}

static void s_watch_memory(void)
{
    struct rlimit limit = {256u << 20, 256u << 20};
    if (__sanitizer_install_malloc_and_free_hooks)
        __sanitizer_install_malloc_and_free_hooks(s_on_malloc, s_on_free);
    else
        cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

Test(unpack, declared_lengths_allocate_nothing)
{
    static const row_t rows[] = {
        {KIND_announce, BYTES("\x81\x06\xdd\xff\xff\xff\xff"), ERR_MALFORMED, NULL},
        {KIND_announce, BYTES("\x81\x0a\xdd\xff\xff\xff\xff"), ERR_MALFORMED, NULL},
        {KIND_announce, BYTES("\x81\x06\xdd\x40\0\0\0\x01"), ERR_MALFORMED, NULL},
        {KIND_lease_want, BYTES("\x81\x02\xdd\xff\xff\xff\xfe\x01\x02"), ERR_MALFORMED, NULL},
        {KIND_refused, BYTES("\x81\x03\xdb\xff\xff\xff\xff\x61"), ERR_MALFORMED, NULL},
        {KIND_bye, BYTES("\xdf\xff\xff\xff\xff"), ERR_MALFORMED, NULL},
        {KIND_push, BYTES("\x81\0\xc6\xff\xff\xff\xff"), ERR_MALFORMED, NULL},
    };
    s_watch_memory();
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        message_t *message = NULL;
        cr_assert_eq(s_unpack(rows[row].kind, rows[row].map, rows[row].size, &message, NULL), rows[row].code);
    }
    cr_assert(s_largest < 65536, "%zu bytes", s_largest);
    cr_assert(s_largest > 0 || !__sanitizer_install_malloc_and_free_hooks, "nobody watched");
}
