/* Sizes that messages of one element per shard stand for. */
#include "deploy/simulate/sizes.h"

#include "actors/model/model.h"
#include "codec/compress/encoding.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static topology_t *s_topology(const char *encoding)
{
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "job: {name: t, model: lenet, data: {dir: /data}, sync: {encoding: %s}}\n"
                     "regions: [{name: a, data_share: 1, shards: 2}, {name: b, data_share: 1, shards: 2}]\n"
                     "links: [{between: all}]\n",
                     encoding);
    topology_t *topology = NULL;
    cr_assert_eq(topology_parse("t", text, (size_t)n, NULL, 0, &topology, NULL), ERR_OK);
    return topology;
}

static uint64_t s_data(const sizes_t *sizes, message_kind_t kind, const char *to, const char *from,
                       uint64_t encoding)
{
    message_t *message = message_new(kind, to, from);
    buf_t *one = buf_new_zero(sizeof(float));
    message->data = slice_of(one, 0, sizeof(float));
    buf_destroy(&one);
    if (kind == KIND_delta) {
        message->delta.shard = 1;
        message->delta.encoding = encoding;
    }
    uint64_t bytes = sizes_data(sizes, message);
    message_destroy(&message);
    return bytes;
}

static void s_check(const char *encoding, uint64_t number, double smaller)
{
    layout_t layout = {0};
    sizes_t sizes;
    topology_t *topology = s_topology(encoding);
    cr_assert_eq(model_layout_of(&(model_spec_t){.name = "lenet"}, &layout, NULL), ERR_OK);
    sizes_init(&sizes, topology, &layout);
    cr_assert_eq(sizes.plain[0] + sizes.plain[1], layout.count * sizeof(float));
    cr_assert_eq(s_data(&sizes, KIND_push, "shard/a/1", "worker/a/0", 0), sizes.plain[1]);
    cr_assert_eq(s_data(&sizes, KIND_params, "worker/a/0", "shard/a/0", 0), sizes.plain[0]);
    cr_assert_eq(s_data(&sizes, KIND_delta, "shard/b/1", "synchronizer/a/1", number), sizes.encoded[1]);
    cr_assert_eq(s_data(&sizes, KIND_delta, "shard/b/1", "synchronizer/a/1", 0), sizes.plain[1]);
    cr_assert_float_eq((double)sizes.plain[1] / (double)sizes.encoded[1], smaller, 0.1);
    cr_assert(sizes_scale(&sizes) > 1000);
    sizes_fini(&sizes);
    topology_destroy(&topology);
}

Test(sizes, tensors_count_as_long_as_the_model_s_and_as_they_are_encoded)
{
    s_check("int8", 3, 3.94);
    s_check("int4", 5, 7.53);
}

/* A large tensor travels in chunks, each with frames of its own. */
Test(sizes, every_chunk_has_its_frames)
{
    message_t *message = message_new(KIND_delta, "shard/b/0", "synchronizer/a/0");
    uint64_t empty = sizes_message(message, 0), one = sizes_message(message, 1000),
             ten = sizes_message(message, 10 * (uint64_t)MESSAGE_CHUNK_BYTES);
    cr_assert(empty > 20 && empty < 400);
    cr_assert_eq(one, empty + 1000);
    cr_assert_eq(ten, 10 * empty + 10 * (uint64_t)MESSAGE_CHUNK_BYTES);
    message_destroy(&message);
}
