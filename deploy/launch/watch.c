#include "deploy/launch/watch.h"

#include "actors/kit/clock.h"
#include "actors/watcher/watcher.h"
#include "codec/base/rng.h"
#include "codec/wire/actor_name.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Written by the actor's thread; read when it is gone. */
typedef struct {
    char name[WIRE_NAME_SIZE];
    watcher_t *core;
    message_t *picture;
    int64_t came_us;
    bool alone;
} asked_t;

/* ---- in the actor's thread ---- */

static err_code_t s_open_watch(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    asked_t *self = hint;
    (void)incarnation, (void)err;
    *ret_core = self->core = watcher_new(self->name, clock_now_us());
    return ERR_OK;
}

static int64_t s_work_watch(void *hint, void *core, int64_t now_us)
{
    asked_t *self = hint;
    self->alone = watcher_is_alone(core);
    if (watcher_picture(core) && !self->picture) {
        self->picture = message_dup(watcher_picture(core));
        self->came_us = now_us;
    }
    return ROLE_NEVER;
}

/* When the loop has ended: the last look. */
static err_code_t s_failure_watch(void *hint, void *core, err_t *err)
{
    (void)err;
    s_work_watch(hint, core, clock_now_us());
    return ERR_OK;
}

static void s_close_watch(void *hint)
{
    (void)hint; /* of who asks */
}

/* ---- asking ---- */

static void s_await(shell_t *shell, int notify_fd)
{
    int64_t end_us = clock_now_us() + WATCH_PATIENCE_US, left_us;
    while (shell_state(shell, NULL) != SHELL_ENDED && (left_us = end_us - clock_now_us()) > 0) {
        struct pollfd item = {.fd = notify_fd, .events = POLLIN};
        eventfd_t ignored;
        poll(&item, 1, (int)(left_us / 1000) + 1);
        eventfd_read(notify_fd, &ignored);
    }
}

static char *s_why(const asked_t *self, const launch_where_t *where)
{
    char *text = NULL;
    const char *region = where->launch->topology->regions[where->region_index].name;
    int length = self->alone
                     ? asprintf(&text, "!the broker of %s does not know a global scheduler", region)
                     : asprintf(&text, "!neither the broker of %s nor the global scheduler answers", region);
    CHECK(length >= 0);
    return text;
}

static char *s_printed(const asked_t *self)
{
    int64_t age_us = self->picture->picture.age_us + clock_now_us() - self->came_us;
    size_t size = self->picture->data.size_bytes;
    char *document = calloc(1, size + 1);
    CHECK(document);
    if (size)
        memcpy(document, slice_peek(&self->picture->data), size);
    char *text = size ? watch_print(document, age_us) : strdup("!the global scheduler has just begun");
    CHECK(text);
    free(document);
    return text;
}

char *watch_answer(const launch_where_t *where)
{
    static const shell_ops_t ops = {
        .open = s_open_watch, .work = s_work_watch, .failure = s_failure_watch, .close = s_close_watch};
    asked_t self = {0};
    launch_where_t place = *where;
    int notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (notify_fd < 0)
        return strdup("!no more descriptors");
    char part[24];
    snprintf(part, sizeof part, "%08lx", (unsigned long)(rng_entropy() & 0xffffffff));
    message_set_name(
        self.name,
        actor_name_called(ROLE_WATCHER, where->launch->topology->regions[where->region_index].name, part)
            .text);
    shell_spec_t spec = {.name = self.name,
                         .role = &watcher_role,
                         .ops = &ops,
                         .hint = &self,
                         .find = launch_find_broker,
                         .find_hint = &place,
                         .notify_fd = notify_fd};
    shell_t *shell = shell_start(&spec);
    s_await(shell, notify_fd);
    shell_destroy(&shell);
    char *text = self.picture ? s_printed(&self) : s_why(&self, where);
    message_destroy(&self.picture);
    close(notify_fd);
    return text;
}

char *watch_print(const char *document, int64_t age_us)
{
    char *text = NULL;
    CHECK(asprintf(&text, "%lld\n%s", (long long)age_us, document) >= 0);
    return text;
}

err_code_t watch_parse(const char *answer, json_value_t **ret_document, double *ret_age_s, err_t *err)
{
    char *end;
    if (answer[0] == '!')
        return err_set(err, ERR_UNREACHABLE, "%.*s", (int)strcspn(answer + 1, "\n"), answer + 1);
    long long age_us = strtoll(answer, &end, 10);
    if (end == answer || *end != '\n')
        return err_set(err, ERR_MALFORMED, "an answer without an age; it is of another version");
    *ret_age_s = (double)age_us / 1e6;
    return json_parse(end + 1, strlen(end + 1), ret_document, err);
}
