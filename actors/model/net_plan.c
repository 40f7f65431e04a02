/* Steps of a pass for a gradient, of which each buffer has a first and a last one: layer l runs forwards at
 * step l, the loss at step L, layer l backwards at step 2 L - l. */
#include "actors/model/net_inside.h"

#include "actors/model/arena.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_MAX 256                      /* more images at once are no faster */
#define EVALUATION_BYTES ((size_t)4 << 20) /* may take this much where a gradient takes less */

enum { ITEM_Y, ITEM_CHOICE, ITEM_VIEW, ITEM_AGAIN, ITEM_DY, ITEM_DX, ITEMS };

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

/* Both parts of a sum share its gradient, which is theirs too. The branch has gone backwards before anybody
 * adds to it for the shortcut's sake, as graph_add asks for. */
static void s_find_owners(const graph_t *graph, size_t *ret_owners)
{
    for (size_t l = 0; l < graph->layer_count; l++)
        ret_owners[l] = l;
    for (size_t l = graph->layer_count; l-- > 0;)
        if (graph->layers[l].kind == LAYER_ADD)
            ret_owners[graph->layers[l].from] = ret_owners[graph->layers[l].shortcut] = ret_owners[l];
}

static bool s_reads_what_is_not_kept(const graph_t *graph, const layer_t *layer)
{
    return layer->kind == LAYER_CONV_NORM && layer->from != GRAPH_SAMPLES &&
           graph->layers[layer->from].kind == LAYER_CONV_NORM;
}

static void s_list_kept(const net_t *self, size_t batch, bool training, arena_item_t (*items)[ITEMS])
{
    size_t L = self->graph->layer_count;
    for (size_t l = 0; l < L; l++) {
        const layer_t *layer = self->graph->layers + l;
        size_t bytes = batch * s_size(layer) * sizeof(float),
               dies = training ? 2 * L - l : self->last_reader[l];
        bool view = s_reads_what_is_not_kept(self->graph, layer);
        size_t view_bytes = view ? batch * s_size(self->graph->layers + layer->from) * sizeof(float) : 0;
        items[l][ITEM_Y] = (arena_item_t){.size_bytes = bytes, .born = l, .dies = dies};
        items[l][ITEM_CHOICE] = layer->kind == LAYER_CONV_POOL ? items[l][ITEM_Y] : (arena_item_t){0};
        items[l][ITEM_VIEW] = (arena_item_t){.size_bytes = view_bytes, .born = l, .dies = l};
    }
}

/* Of what only a pass backwards has. */
static void s_list_gradients(const net_t *self, size_t batch, const size_t *owners,
                             arena_item_t (*items)[ITEMS])
{
    const graph_t *graph = self->graph;
    size_t L = graph->layer_count;
    for (size_t l = L; l-- > 0;) {
        const layer_t *layer = graph->layers + l;
        arena_item_t *dy = &items[owners[l]][ITEM_DY], now = {.born = 2 * L - l, .dies = 2 * L - l};
        if (owners[l] == l)
            *dy = (arena_item_t){.size_bytes = batch * s_size(layer) * sizeof(float),
                                 .born = 2 * L - self->last_reader[l]};
        dy->dies = now.dies;
        items[l][ITEM_AGAIN] = items[l][ITEM_DX] = now;
        items[l][ITEM_AGAIN].size_bytes = items[l][ITEM_VIEW].size_bytes;
        if (s_is_conv(layer) && layer->from != GRAPH_SAMPLES && self->last_reader[layer->from] != l)
            items[l][ITEM_DX].size_bytes = batch * s_size(graph->layers + layer->from) * sizeof(float);
    }
}

/* Where an item is, or NULL when it has no place. */
static void *s_at(char *base, const arena_item_t *item)
{
    return item->size_bytes ? base + item->offset : NULL;
}

static place_t s_place_of(char *base, const arena_item_t *items, const arena_item_t *dy)
{
    return (place_t){.y = s_at(base, items + ITEM_Y),
                     .choice = s_at(base, items + ITEM_CHOICE),
                     .view = s_at(base, items + ITEM_VIEW),
                     .again = s_at(base, items + ITEM_AGAIN),
                     .dy = s_at(base, dy),
                     .dx = s_at(base, items + ITEM_DX)};
}

/* The bytes of a pass over `batch` images; with a base says where they are. */
static size_t s_place_pass(const net_t *self, size_t batch, bool training, char *base, place_t *ret_places)
{
    arena_item_t items[GRAPH_LAYERS_MAX][ITEMS] = {{{0}}};
    size_t owners[GRAPH_LAYERS_MAX], L = self->graph->layer_count;
    s_find_owners(self->graph, owners);
    s_list_kept(self, batch, training, items);
    if (training)
        s_list_gradients(self, batch, owners, items);
    size_t size = arena_place(items[0], L * ITEMS);
    for (size_t l = 0; base && l < L; l++)
        ret_places[l] = s_place_of(base, items[l], &items[owners[l]][ITEM_DY]);
    return size;
}

/* ---- what every layer uses in its turn ---- */

typedef struct {
    size_t group_y, image, C, scratch_bytes;
} widest_t;

static void s_widen_to_group(const conv_t *conv, const conv_plan_t *plan, widest_t *most)
{
    most->group_y = s_larger(most->group_y, conv_output_size(conv, conv_plan_group(plan)));
    most->scratch_bytes = s_larger(most->scratch_bytes, conv_plan_scratch(plan));
}

static widest_t s_widest(const net_t *self)
{
    widest_t most = {0};
    for (size_t l = 0; l < self->graph->layer_count; l++) {
        const layer_t *layer = self->graph->layers + l;
        if (layer->kind == LAYER_CONV_POOL)
            s_widen_to_group(&layer->conv, self->plans[l], &most);
        if (layer->kind != LAYER_CONV_NORM)
            continue;
        most.image = s_larger(most.image, s_size(layer));
        most.C = s_larger(most.C, layer->C);
        most.scratch_bytes = s_larger(most.scratch_bytes, conv_layer_scratch(self->convs[l]));
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
    widest_t most = s_widest(self);
    size_t offset = 0;
    self->scratch = s_carve(block, &offset, most.scratch_bytes, 1);
    self->group_y = s_carve(block, &offset, most.group_y, sizeof(float));
    self->images[0] = s_carve(block, &offset, most.image, sizeof(float));
    self->images[1] = s_carve(block, &offset, most.image, sizeof(float));
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

static err_code_t s_make_conv(net_t *self, size_t l, size_t most, err_t *err)
{
    const layer_t *layer = self->graph->layers + l;
    bool first = layer->from == GRAPH_SAMPLES;
    if (layer->kind == LAYER_CONV_NORM)
        return conv_layer_new(&layer->conv, first, most, &self->convs[l], err);
    conv_plan_spec_t spec = {.conv = layer->conv, .first = first};
    return layer->kind == LAYER_CONV_POOL ? conv_plan_new(&spec, most, &self->plans[l], err) : ERR_OK;
}

static err_code_t s_make_convs(net_t *self, err_t *err)
{
    err_code_t code = ERR_OK;
    size_t most = s_larger(self->batch_max, self->slice);
    for (size_t l = 0; !code && l < self->graph->layer_count; l++)
        code = s_make_conv(self, l, most, err);
    return code;
}

err_code_t net_plan(net_t *self, err_t *err)
{
    s_find_readers(self);
    size_t training = s_place_pass(self, self->batch_max, true, NULL, NULL);
    self->slice = s_slice(self, s_larger(training, EVALUATION_BYTES));
    err_code_t code = s_make_convs(self, err);
    if (code)
        return code;
    size_t shared = s_place_shared(self, NULL);
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
