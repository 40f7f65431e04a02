/* Steps of a pass for a gradient, of which each buffer has a first and a last one: layer l runs forwards at step l, the
 * loss at step L, layer l backwards at step 2 L - l. */
#include "actors/model/net_inside.h"

#include "actors/model/arena.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_MAX 256                    /* more images at once are no faster */
#define EVALUATION_BYTES ((size_t)4 << 20) /* may take this much where a gradient takes less */

enum { ITEM_Y, ITEM_CHOICE, ITEM_DY, ITEMS };

static size_t s_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t s_size(const layer_t *layer)
{
    return layer->C * layer->H * layer->W;
}

static bool s_is_conv(const layer_t *layer)
{
    return layer->kind == LAYER_CONV_POOL || layer->kind == LAYER_CONV_NORM;
}

/* ---- who reads what ---- */

/* Those who must find no gradient of what they read, as they do not add. */
static bool s_must_be_last(const layer_t *layer)
{
    return layer->from != GRAPH_SAMPLES && !s_is_conv(layer);
}

static void s_find_readers(net_t *self)
{
    const graph_t *graph = self->graph;
    for (size_t l = 0; l < graph->layer_count; l++) {
        const layer_t *layer = graph->layers + l;
        self->last_reader[l] = graph->layer_count; /* the loss */
        if (layer->from != GRAPH_SAMPLES)
            self->last_reader[layer->from] = l;
        if (layer->kind == LAYER_ADD)
            self->last_reader[layer->shortcut] = l;
    }
    for (size_t l = 0; l < graph->layer_count; l++) {
        const layer_t *layer = graph->layers + l;
        CHECK(!s_must_be_last(layer) || self->last_reader[layer->from] == l);
        CHECK(layer->kind != LAYER_ADD || self->last_reader[layer->shortcut] == l);
    }
    CHECK(graph->layers[graph->layer_count - 1].kind != LAYER_CONV_NORM); /* its output is kept nowhere */
}

/* ---- what lives when ---- */

/* What was added shares the gradient of the sum: it is the same. The branch has gone backwards before anybody adds
 * to it for the shortcut's sake, as graph_add asks for. */
static void s_find_owners(const graph_t *graph, size_t *ret_owners)
{
    for (size_t l = 0; l < graph->layer_count; l++)
        ret_owners[l] = l;
    for (size_t l = graph->layer_count; l-- > 0;)
        if (graph->layers[l].kind == LAYER_ADD)
            ret_owners[graph->layers[l].from] = ret_owners[graph->layers[l].shortcut] = ret_owners[l];
}

static void s_list_kept(const net_t *self, size_t batch, bool training, arena_item_t (*items)[ITEMS])
{
    size_t L = self->graph->layer_count;
    for (size_t l = 0; l < L; l++) {
        const layer_t *layer = self->graph->layers + l;
        size_t values = batch * s_size(layer), dies = training ? 2 * L - l : self->last_reader[l];
        items[l][ITEM_Y] = (arena_item_t){.size_bytes = values * sizeof(float), .born = l, .dies = dies};
        items[l][ITEM_CHOICE] = items[l][ITEM_Y];
        if (layer->kind != LAYER_CONV_POOL)
            items[l][ITEM_CHOICE].size_bytes = 0;
        items[l][ITEM_DY] = (arena_item_t){0};
    }
}

static void s_list_gradients(const net_t *self, size_t batch, const size_t *owners, arena_item_t (*items)[ITEMS])
{
    size_t L = self->graph->layer_count;
    for (size_t l = L; l-- > 0;) {
        arena_item_t *item = &items[owners[l]][ITEM_DY];
        if (owners[l] == l)
            *item = (arena_item_t){.size_bytes = batch * s_size(self->graph->layers + l) * sizeof(float),
                                   .born = 2 * L - self->last_reader[l]};
        item->dies = 2 * L - l;
    }
}

/* The bytes of a pass over `batch` images; with a base says where they are. */
static size_t s_place_pass(const net_t *self, size_t batch, bool training, char *base, place_t *ret_places)
{
    arena_item_t items[GRAPH_LAYERS_MAX][ITEMS];
    size_t owners[GRAPH_LAYERS_MAX], L = self->graph->layer_count;
    s_find_owners(self->graph, owners);
    s_list_kept(self, batch, training, items);
    if (training)
        s_list_gradients(self, batch, owners, items);
    size_t size = arena_place(items[0], L * ITEMS);
    for (size_t l = 0; base && l < L; l++)
        ret_places[l] = (place_t){.y = (float *)(base + items[l][ITEM_Y].offset),
                                  .choice = (int32_t *)(base + items[l][ITEM_CHOICE].offset),
                                  .dy = (float *)(base + items[owners[l]][ITEM_DY].offset)};
    return size;
}

/* ---- what every layer uses in its turn ---- */

typedef struct {
    size_t patches, group_y, group_x, image, C;
} widest_t;

static widest_t s_widest(const graph_t *graph)
{
    widest_t most = {0};
    for (size_t l = 0; l < graph->layer_count; l++) {
        const layer_t *layer = graph->layers + l;
        const conv_t *conv = &layer->conv;
        most.image = s_larger(most.image, s_size(layer));
        most.C = s_larger(most.C, layer->C);
        if (!s_is_conv(layer))
            continue;
        size_t group = conv_group(conv);
        most.patches = s_larger(most.patches, conv_patch_size(conv, group));
        most.group_y = s_larger(most.group_y, conv_output_size(conv, group));
        most.group_x = s_larger(most.group_x, group * conv->I * conv->H * conv->W);
    }
    return most;
}

/* Carves `count` items from the block, or with block NULL only counts the bytes. */
static void *s_carve(char *block, size_t *offset, size_t count, size_t item_size)
{
    void *place = block ? block + *offset : NULL;
    *offset += (count * item_size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    return place;
}

static void s_place_norms(net_t *self, char *block, size_t *offset)
{
    for (size_t l = 0; l < self->graph->layer_count; l++) {
        const layer_t *layer = self->graph->layers + l;
        size_t C = layer->kind == LAYER_CONV_NORM ? layer->C : 0;
        self->norms[l] = (norm_place_t){.mean = s_carve(block, offset, C, sizeof(float)),
                                        .root = s_carve(block, offset, C, sizeof(float)),
                                        .scale = s_carve(block, offset, C, sizeof(float)),
                                        .moments = s_carve(block, offset, C, sizeof(moments_t))};
    }
}

/* Returns the bytes; called twice, first to measure. */
static size_t s_place_shared(net_t *self, char *block)
{
    widest_t most = s_widest(self->graph);
    size_t offset = 0;
    self->patches = s_carve(block, &offset, most.patches, sizeof(float));
    self->group_y = s_carve(block, &offset, most.group_y, sizeof(float));
    self->views[0] = s_carve(block, &offset, s_larger(most.group_x, most.image), sizeof(float));
    self->views[1] = s_carve(block, &offset, most.image, sizeof(float));
    self->group_dx = s_carve(block, &offset, most.group_x, sizeof(float));
    self->sums = s_carve(block, &offset, most.C, sizeof *self->sums);
    s_place_norms(self, block, &offset);
    return offset;
}

/* ---- the block ---- */

/* As many images as fit into what there is for a gradient. */
static size_t s_slice(const net_t *self, size_t most_bytes)
{
    size_t slice = SLICE_MAX;
    while (slice > 1 && s_place_pass(self, slice, false, NULL, NULL) > most_bytes)
        slice /= 2;
    return slice;
}

err_code_t net_plan(net_t *self, err_t *err)
{
    s_find_readers(self);
    size_t shared = s_place_shared(self, NULL), training = s_place_pass(self, self->batch_max, true, NULL, NULL);
    self->slice = s_slice(self, s_larger(training, EVALUATION_BYTES));
    size_t size = shared + s_larger(training, s_place_pass(self, self->slice, false, NULL, NULL));
    self->block = aligned_alloc(ARENA_ALIGN, size);
    if (!self->block)
        return err_set(err, ERR_MEMORY, "no memory for a batch of %zu: %zu bytes", self->batch_max, size);
    /* Touched now, so that the first steps do not pay for page faults. */
    memset(self->block, 0, size);
    s_place_shared(self, self->block);
    s_place_pass(self, self->batch_max, true, self->block + shared, self->training);
    s_place_pass(self, self->slice, false, self->block + shared, self->evaluation);
    return ERR_OK;
}
