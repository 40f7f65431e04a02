/* former - messages as the version before packed them, from their maps in hexadecimal.
 *
 * Threads  any.
 */
#ifndef TESTS_UNIT_ACTORS_FORMER_H
#define TESTS_UNIT_ACTORS_FORMER_H

#include "codec/wire/message.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static inline message_t *former_message(message_kind_t kind, const char *hex)
{
    size_t envelope_bytes, size = strlen(hex) / 2;
    message_t *blank = message_new(kind, "scheduler", "scheduler"), *message = NULL;
    buf_t *packed = message_pack(blank, &envelope_bytes);
    unsigned char *map = malloc(size);
    cr_assert_not_null(map);
    for (size_t i = 0; i < size; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], 0};
        map[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    err_t err = {0};
    cr_assert_eq(message_unpack(buf_peek(packed), envelope_bytes, map, size, NULL, &message, &err), ERR_OK,
                 "%s", err.text);
    free(map);
    buf_destroy(&packed);
    message_destroy(&blank);
    return message;
}

#endif
