/* err - what can go wrong, as one list; the values travel on the wire and never change their meaning.
 *
 * Why      one failure has one code for programs and one sentence for people, gathered on the way up.
 * Not      logging: an error is logged once, by the shell where it stops. Not for programming errors: see
 *          check.
 * Threads  an err_t belongs to its caller; nothing here is shared.
 */
#ifndef CODEC_BASE_ERR_H
#define CODEC_BASE_ERR_H

#include <stdbool.h>

#define ERR_MAP(X)                                                                                           \
    X(OK, 0, "success")                                                                                      \
    X(USAGE, 1, "wrong command line")                                                                        \
    X(CONFIG, 2, "wrong topology or configuration")                                                          \
    X(NOT_FOUND, 3, "no such thing")                                                                         \
    X(EXISTS, 4, "already there")                                                                            \
    X(IN_USE, 5, "held by somebody else")                                                                    \
    X(IO, 6, "the operating system refused to read or write")                                                \
    X(FULL, 7, "no room left")                                                                               \
    X(MEMORY, 8, "no memory left")                                                                           \
    X(LIMIT, 9, "over a limit")                                                                              \
    X(MALFORMED, 10, "bytes that do not follow their format")                                                \
    X(CHECKSUM, 11, "bytes that do not match their checksum")                                                \
    X(SHAPE, 12, "wrong shape or length")                                                                    \
    X(NUMBER, 13, "NaN or infinity")                                                                         \
    X(VERSION, 14, "another version of the protocol or the format")                                          \
    X(STALE, 15, "from a past incarnation or history")                                                       \
    X(GAP, 16, "a number before it is missing")                                                              \
    X(DENIED, 17, "not allowed")                                                                             \
    X(UNREACHABLE, 18, "nobody there by that name")                                                          \
    X(TIMEOUT, 19, "no progress in time")                                                                    \
    X(STOPPED, 20, "stopped on request")                                                                     \
    X(JOB, 21, "belongs to another job")                                                                     \
    X(STATE, 22, "not possible now")

typedef enum {
#define ERR_ENUM(name, value, meaning) ERR_##name = value,
    ERR_MAP(ERR_ENUM)
#undef ERR_ENUM
} err_code_t;

#define ERR_TEXT_MAX 512

typedef struct {
    err_code_t code;
    char text[ERR_TEXT_MAX]; /* one line: "load shard 3: open x: no such file", or "WHAT; REMEDY" */
} err_t;

#define MUST_USE __attribute__((warn_unused_result))

/* Fills err (which may be NULL) and returns code, so that `return err_set(...)` is the way to fail. Control
 * characters of what is quoted become '?'. Of a text that does not fit the middle goes, marked "...": its
 * beginning says where it happened, its end why and what to do; write texts in that order. */
err_code_t err_set(err_t *err, err_code_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " before the text of an error on its way up; returns code unchanged. What does not fit goes
 * as above, so the reason stays however many prefixes come before it. */
err_code_t err_prefix(err_t *err, err_code_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "MALFORMED" for ERR_MALFORMED, "UNKNOWN" for a value not in the map; borrowed for ever. */
const char *err_name(err_code_t code);

/* The meaning beside it; borrowed for ever. */
const char *err_meaning(err_code_t code);

/* For programming errors alone, also in release builds: says where and what, and aborts. Never for input. */
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            err_abort(__FILE__, __LINE__, #condition);                                                       \
    } while (0)

_Noreturn void err_abort(const char *file, int line, const char *condition);

#endif
