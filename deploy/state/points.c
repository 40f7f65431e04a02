#include "deploy/state/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A point as it is being gathered: in a shard its snapshot may lie in several stores. */
typedef struct {
    point_t point;
    /* incarnation and number of a snapshot of it: points of one shard are made one after another */
    uint64_t order;
    uint64_t number;
} found_t;

typedef struct {
    found_t *items;
    size_t count;
} founds_t;

static found_t *s_find_point(founds_t *self, const manifest_id_t *id)
{
    for (size_t i = 0; i < self->count; i++)
        if (!strcmp(self->items[i].point.tag, id->tag))
            return &self->items[i];
    found_t *items = realloc(self->items, (self->count + 1) * sizeof *items);
    CHECK(items);
    self->items = items;
    found_t *found = &items[self->count++];
    *found = (found_t){.order = id->incarnation, .number = id->number, .point.least = UINT64_MAX};
    memcpy(found->point.tag, id->tag, sizeof id->tag);
    return found;
}

/* Returns whether an earlier store of the same shard has it too: then it was counted there. */
static bool s_counted(const catalog_t *self, size_t index, const char *tag)
{
    const store_place_t *place = &self->stores[index].place;
    for (size_t i = 0; i < index; i++) {
        const catalog_store_t *other = &self->stores[i];
        if (other->place.kind == STORE_OTHER || other->place.shard != place->shard ||
            strcmp(other->place.region, place->region) != 0)
            continue;
        for (size_t k = 0; k < other->count; k++)
            if (other->snapshots[k].readable && !strcmp(other->snapshots[k].manifest.id.tag, tag))
                return true;
    }
    return false;
}

static void s_add_snapshot(const catalog_t *self, size_t index, const catalog_snapshot_t *snapshot,
                           founds_t *founds)
{
    const manifest_id_t *id = &snapshot->manifest.id;
    if (!snapshot->readable || !snapshot_is_mark(id->tag) || s_counted(self, index, id->tag))
        return;
    point_t *point = &s_find_point(founds, id)->point;
    point->shards++;
    point->least = snapshot->batches < point->least ? snapshot->batches : point->least;
    point->most = snapshot->batches > point->most ? snapshot->batches : point->most;
}

static int s_compare_points(const void *a, const void *b)
{
    const found_t *left = a, *right = b;
    if (left->point.most != right->point.most)
        return left->point.most < right->point.most ? -1 : 1;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

void points_find(const catalog_t *self, point_t **ret_points, size_t *ret_count)
{
    founds_t founds = {0};
    for (size_t i = 0; i < self->count; i++)
        for (size_t k = 0; k < self->stores[i].count; k++)
            s_add_snapshot(self, i, &self->stores[i].snapshots[k], &founds);
    if (founds.count > 1)
        qsort(founds.items, founds.count, sizeof *founds.items, s_compare_points);
    point_t *points = calloc(founds.count + 1, sizeof *points);
    CHECK(points);
    for (size_t i = 0; i < founds.count; i++)
        points[i] = founds.items[i].point;
    free(founds.items);
    *ret_points = points;
    *ret_count = founds.count;
}

void points_say(const catalog_t *self, char *out, size_t size)
{
    point_t *points = NULL;
    size_t count = 0, prefix = strlen(SNAPSHOT_MARK_PREFIX);
    points_find(self, &points, &count);
    int at = snprintf(out, size, count ? "; common points here are" : "; there is no common point here");
    for (size_t i = 0; i < count && at > 0 && (size_t)at < size; i++)
        at += snprintf(out + at, size - (size_t)at, "%s %s",
                       i == 0          ? ""
                       : i + 1 < count ? ","
                                       : " and",
                       points[i].tag + prefix);
    free(points);
}
