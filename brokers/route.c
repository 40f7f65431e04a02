#include "brokers/route.h"

#include "codec/base/grow.h"
#include "codec/base/hash.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_SIZE (2 * ROUTE_MAX) /* a power of two; never more than half full */

struct routes {
    route_t *items;
    size_t count, capacity;
    uint32_t *index; /* open addressing; item + 1, 0: empty */
};

routes_t *routes_new(void)
{
    routes_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->index = calloc(INDEX_SIZE, sizeof *self->index);
    CHECK(self->index);
    return self;
}

void routes_destroy(routes_t **self_p)
{
    routes_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        buf_destroy(&self->items[i].pending);
    free(self->items);
    free(self->index);
    free(self);
}

/* Where the name is in the index, or the empty place where it would be. */
static uint32_t *s_place(const routes_t *self, const char *name, size_t length)
{
    size_t at = hash_checksum(name, length) & (INDEX_SIZE - 1);
    for (;; at = (at + 1) & (INDEX_SIZE - 1)) {
        if (!self->index[at])
            return &self->index[at];
        const char *there = self->items[self->index[at] - 1].name;
        if (strncmp(there, name, length) == 0 && there[length] == '\0')
            return &self->index[at];
    }
}

static route_t *s_find_route(const routes_t *self, const char *name, size_t length)
{
    if (length == 0 || length >= WIRE_NAME_SIZE)
        return NULL;
    uint32_t *place = s_place(self, name, length);
    return *place ? &self->items[*place - 1] : NULL;
}

/* Makes room by forgetting the fences of actors that are gone. */
static void s_forget_gone(routes_t *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].id_size)
            self->items[kept++] = self->items[i];
        else
            buf_destroy(&self->items[i].pending);
    }
    self->count = kept;
    memset(self->index, 0, INDEX_SIZE * sizeof *self->index);
    for (size_t i = 0; i < self->count; i++)
        *s_place(self, self->items[i].name, strlen(self->items[i].name)) = (uint32_t)i + 1;
}

static route_t *s_add_route(routes_t *self, const char *name)
{
    if (self->count == ROUTE_MAX)
        s_forget_gone(self);
    if (self->count == ROUTE_MAX)
        return NULL;
    self->items = grow(self->items, self->count, &self->capacity, sizeof *self->items);
    route_t *route = &self->items[self->count++];
    *route = (route_t){0};
    message_set_name(route->name, name);
    *s_place(self, name, strlen(name)) = (uint32_t)self->count;
    return route;
}

static bool s_is_new(const route_t *route, const void *id, size_t id_size)
{
    return route->id_size != id_size || memcmp(route->id, id, id_size) != 0;
}

/* Returns whether somebody else than who has the name claims it, and by which number. */
static bool s_claims(const route_t *route, const char *name, uint64_t incarnation, uint64_t life,
                     uint64_t *ret_who)
{
    role_claims_t claims = role_row(actor_role_of(name))->claims;
    *ret_who = claims == CLAIMS_BY_INCARNATION ? incarnation : life;
    if (claims == CLAIMS_BY_INCARNATION)
        return (uint32_t)route->incarnation != (uint32_t)incarnation;
    return claims == CLAIMS_BY_LIFE && life && route->life && route->life != life;
}

err_code_t routes_contend(routes_t *self, const char *name, uint64_t incarnation, uint64_t life,
                          int64_t now_us)
{
    route_t *route = s_find_route(self, name, strnlen(name, WIRE_NAME_SIZE));
    uint64_t who;
    if (!route || !route->id_size || !s_claims(route, name, incarnation, life, &who) ||
        now_us - route->seen_us >= ROUTE_CONTEND_US)
        return ERR_OK;
    if (route->contender != who) {
        route->contender = who;
        route->contended_us = now_us;
    }
    return route->seen_us > route->contended_us ? ERR_IN_USE : ERR_TIMEOUT;
}

err_code_t routes_register(routes_t *self, const char *name, const void *id, size_t id_size,
                           uint64_t incarnation, uint64_t pid, int64_t now_us)
{
    size_t length = strnlen(name, WIRE_NAME_SIZE);
    if (length == 0 || length == WIRE_NAME_SIZE || id_size == 0 || id_size > ROUTE_ID_MAX)
        return ERR_LIMIT;
    route_t *route = s_find_route(self, name, length);
    if (route && incarnation < route->incarnation)
        return ERR_STALE;
    if (!route)
        route = s_add_route(self, name);
    if (!route)
        return ERR_LIMIT;
    if (s_is_new(route, id, id_size)) {
        buf_destroy(&route->pending);
        route->pending = buf_new_zero(sizeof(uint64_t));
        CHECK(route->pending);
        memcpy(route->id, id, id_size);
        route->id_size = id_size;
    }
    route->incarnation = incarnation;
    route->pid = pid;
    route->seen_us = now_us;
    return ERR_OK;
}

void routes_note(routes_t *self, const char *name, uint64_t life, uint64_t process, uint64_t run,
                 const char *host)
{
    route_t *route = s_find_route(self, name, strnlen(name, WIRE_NAME_SIZE));
    if (!route)
        return;
    route->life = life;
    route->process = process;
    route->run = run;
    message_set_name(route->host, host);
}

uint64_t routes_newest(const routes_t *self, const char *name, size_t length)
{
    const route_t *route = s_find_route(self, name, length);
    return route ? route->incarnation : 0;
}

const route_t *routes_find(const routes_t *self, const char *name, size_t length)
{
    const route_t *route = s_find_route(self, name, length);
    return route && route->id_size ? route : NULL;
}

void routes_gone(routes_t *self, const char *name, size_t length)
{
    route_t *route = s_find_route(self, name, length);
    if (route)
        route->id_size = 0;
}

size_t routes_expire(routes_t *self, int64_t now_us)
{
    size_t expired = 0;
    for (size_t i = 0; i < self->count; i++) {
        route_t *route = &self->items[i];
        if (!route->id_size || now_us - route->seen_us < ROUTE_EXPIRE_US)
            continue;
        route->id_size = 0;
        expired++;
    }
    return expired;
}

const route_t *routes_each(const routes_t *self, size_t *position)
{
    while (*position < self->count) {
        const route_t *route = &self->items[(*position)++];
        if (route->id_size)
            return route;
    }
    return NULL;
}
