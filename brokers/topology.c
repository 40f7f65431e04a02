#include "brokers/topology.h"
#include "brokers/topology_check.h"
#include "brokers/topology_field.h"
#include "brokers/topology_value.h"
#include "codec/base/hash.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

void topology_destroy(topology_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

/* A table's columns say all of it where none is meant by `rest`, and categories are hashed: then processes
 * that have no files know the model too. */
static void s_note_columns(const topology_t *self, model_spec_t *noted)
{
    const char *categorical = self->job.data.columns.categorical, *numeric = self->job.data.columns.numeric;
    uint64_t hash = self->job.data.columns.hash, count = words_count(categorical);
    if (!hash || words_have(categorical, "rest") || words_have(numeric, "rest"))
        return;
    *noted = (model_spec_t){
        .rows = 1 + count * hash, .categorical = count, .input = {1, 1, count + words_count(numeric)}};
}

void topology_note_seen(topology_t *self, const model_spec_t *seen)
{
    const model_row_t *row = model_row(self->job.said.name);
    model_spec_t noted = {.name = ""};
    if (row && model_row_takes(row, "classes"))
        noted.classes = seen->classes;
    if (row && model_row_takes(row, "input"))
        memcpy(noted.input, seen->input, sizeof noted.input);
    if (row && row->form == DATA_TABLE) {
        noted.rows = seen->rows;
        noted.categorical = seen->categorical;
        s_note_columns(self, &noted);
    }
    model_spec_complete(&self->job.data.seen, &noted);
    self->job.model = self->job.said;
    model_spec_complete(&self->job.model, &self->job.data.seen);
}

size_t topology_region_index(const topology_t *self, const char *name)
{
    for (size_t i = 0; i < self->region_count; i++)
        if (strcmp(self->regions[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

size_t topology_region_of(const topology_t *self, const actor_parts_t *actor)
{
    for (size_t i = 0; i < self->region_count; i++)
        if (actor_is_in(actor, self->regions[i].name))
            return i;
    return SIZE_MAX;
}

const char *topology_data_dir(const topology_t *self, size_t region)
{
    const char *own = self->regions[region].data.dir;
    return self->job.data.split == SPLIT_OWN && own[0] ? own : self->job.data.dir;
}

bool topology_tests(const topology_t *self, size_t region)
{
    const data_kind_row_t *kind = data_kind_find(self->job.data.kind);
    bool here = strcmp(self->job.data.test, TOPOLOGY_TEST_ALL) == 0 ||
                strcmp(self->job.data.test, self->regions[region].name) == 0;
    return kind && kind->files && here;
}

bool topology_waits(const topology_t *self)
{
    return strategy_find(self->job.sync.strategy)->waits;
}

#define AUTO_LANES 4 /* of as many workers as there will be cores */

size_t topology_lanes(const topology_t *self, size_t region)
{
    bool late = self->job.sync.inside != INSIDE_SYNC && strategy_find(self->job.sync.strategy)->local_step;
    if (!late || !optimizer_find(self->job.optimizer.name)->lanes[0] || !(self->job.optimizer.momentum > 0))
        return 1;
    uint64_t workers = self->regions[region].workers;
    return !workers ? AUTO_LANES : workers < OPTIMIZER_LANES_MAX ? (size_t)workers : OPTIMIZER_LANES_MAX;
}

/* The few longest gradients, mostly at the start, are what makes a run diverge where they come late. */
#define LANES_CLIP_NORM 2

double topology_clip_norm(const topology_t *self, size_t region)
{
    bool late = topology_lanes(self, region) > 1 && strcmp(self->job.data.kind, "counter") != 0;
    return self->job.optimizer.clip_norm > 0 ? self->job.optimizer.clip_norm : late ? LANES_CLIP_NORM : 0;
}

static bool s_joins(const topology_link_t *link, size_t region_a, size_t region_b)
{
    return (link->between[0] == region_a && link->between[1] == region_b) ||
           (link->between[0] == region_b && link->between[1] == region_a);
}

/* The table of pairs is a hint: a topology that was not read from a file has none. */
const topology_link_t *topology_link(const topology_t *self, size_t region_a, size_t region_b)
{
    size_t row = region_a < self->region_count && region_b < self->region_count
                     ? self->link_rows[region_a][region_b]
                     : 0;
    if (row && row <= self->link_count && s_joins(&self->links[row - 1], region_a, region_b))
        return &self->links[row - 1];
    for (size_t i = 0; i < self->link_count; i++)
        if (s_joins(&self->links[i], region_a, region_b))
            return &self->links[i];
    return NULL;
}

/* -- the row for all pairs --------------------------------------------------------------------------------
 */

static void s_note_rows(topology_t *self)
{
    for (size_t i = 0; i < self->link_count; i++) {
        const size_t *between = self->links[i].between;
        self->link_rows[between[0]][between[1]] = self->link_rows[between[1]][between[0]] = (uint16_t)(i + 1);
    }
}

void topology_expand(topology_t *self)
{
    topology_link_t all = {0};
    size_t kept = 0;
    for (size_t i = 0; i < self->link_count; i++) {
        if (self->links[i].between[0] == TOPOLOGY_ALL)
            all = self->links[i];
        else
            self->links[kept++] = self->links[i];
    }
    bool given = kept < self->link_count;
    self->link_count = kept;
    s_note_rows(self);
    all.of_all = true;
    for (size_t a = 0; given && a < self->region_count; a++)
        for (size_t b = a + 1; b < self->region_count; b++) {
            if (self->link_rows[a][b])
                continue;
            all.between[0] = a;
            all.between[1] = b;
            self->links[self->link_count++] = all;
        }
    s_note_rows(self);
}

/* -- digest -----------------------------------------------------------------------------------------------
 */

static bool s_counts(const field_t *parent)
{
    for (const field_t *field = field_next(parent, NULL); field; field = field_next(parent, field))
        if (field->digest || s_counts(field))
            return true;
    return false;
}

static bool s_is_digested(const field_t *field, const void *base)
{
    bool absent = (field->later || field->optional) && value_is_default(field, base);
    return field->digest && !absent;
}

/* One line per row that counts; the order is the table's, so the order of keys in a file does not matter. */
static void s_write_digest(const field_t *parent, const void *base, FILE *out)
{
    for (const field_t *field = field_next(parent, NULL); field; field = field_next(parent, field)) {
        char text[VALUE_TEXT_MAX];
        if (field->type == FIELD_MAP) {
            s_write_digest(field, base, out);
        } else if (field->type == FIELD_LIST && s_counts(field)) {
            size_t count = *(const size_t *)(const void *)((const char *)base + field->count_offset);
            for (size_t i = 0; i < count; i++)
                s_write_digest(field, (const char *)base + field->offset + i * field->element_size, out);
        } else if (s_is_digested(field, base)) {
            const char *path = field_is_bare(parent, field) ? parent->path : field->path;
            fprintf(out, "%s=%s\n", path, value_print(field, base, text));
        }
    }
}

void topology_digest(const topology_t *self, char ret_hex[17])
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out);
    fprintf(out, "topology 1\n");
    s_write_digest(NULL, self, out);
    /* In step, a step is as many batches as there are workers, so their number is part of what a batch number
     * means. */
    for (size_t i = 0; self->job.sync.inside == INSIDE_SYNC && i < self->region_count; i++)
        fprintf(out, "workers=%llu\n", (unsigned long long)self->regions[i].workers);
    CHECK(fclose(out) == 0);
    snprintf(ret_hex, 17, "%016llx", (unsigned long long)hash_checksum(text, size));
    free(text);
}
