/* keepers - assignments of keepers in the words of tests: "NAME INCARNATION\n" for each.
 *
 * Threads  any.
 */
#ifndef TESTS_UNIT_ACTORS_KEEPERS_H
#define TESTS_UNIT_ACTORS_KEEPERS_H

#include "codec/wire/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static inline void keepers_set(message_t *message, const char *lines)
{
    keepers_keepers_t *rows = message_set_rows(&message->keepers.keepers, strlen(lines) + 1);
    size_t count = 0;
    for (int length = 0;
         sscanf(lines, "%63s %" SCNx64 "%n", rows[count].name, &rows[count].incarnation, &length) == 2;
         lines += length)
        count++;
    message->keepers.keepers.count = count;
}

/* Returns whether an actor is among those that were told; `message` may be NULL. */
static inline bool keepers_has(const message_t *message, const char *name)
{
    for (size_t i = 0; message && i < message->keepers.keepers.count; i++)
        if (!strcmp(message->keepers.keepers.items[i].name, name))
            return true;
    return false;
}

#endif
