#include "codec/compress/patched.h"

#include "codec/compress/bits.h"

#include <stdlib.h>
#include <string.h>

#define PAIR (2 * sizeof(uint32_t)) /* of the index */
#define HEAD sizeof(uint32_t)
#define GAP 8u /* so many zeros amid a run cost no more than another run */

/* -- out */

static bool s_is_zero(const encoding_input_t *input, size_t i)
{
    float x = input->residual ? input->values[i] + input->residual[i] : input->values[i];
    return (bits_of(x) & BITS_MAGNITUDE) == 0;
}

/* The end of the run that begins at `first`, which is not 0. */
static size_t s_end_of_run(const encoding_input_t *input, size_t first)
{
    size_t end = first + 1;
    for (size_t i = end; i < input->count && i < end + GAP; i++)
        if (!s_is_zero(input, i))
            end = i + 1;
    return end;
}

/* Errors: ERR_LIMIT (too many runs), ERR_MEMORY */
static err_code_t s_find_runs(const encoding_input_t *input, ranges_t *ret_runs)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < input->count && !code; i++) {
        if (s_is_zero(input, i))
            continue;
        size_t end = s_end_of_run(input, i);
        code = ranges_add(ret_runs, i, end);
        i = end; /* is 0, or behind the last */
    }
    return code;
}

static err_code_t s_find(const encoding_input_t *input, patch_t **ret_patch)
{
    ranges_t runs = {0};
    err_code_t code = input->count <= PATCH_ELEMENTS_MAX ? s_find_runs(input, &runs) : ERR_LIMIT;
    if (!code)
        code = patch_new(&runs, 0, input->count, ret_patch);
    ranges_fini(&runs);
    return code;
}

/* Encodes the values of the runs alone. The rest of the residual is 0: there it was what values took away. */
static err_code_t s_encode_values(const encoding_t *values, const encoding_setting_t *setting,
                                  const encoding_input_t *input, const patch_t *patch, char *ret_bytes)
{
    size_t size, count = (size_t)patch->count;
    float *room = malloc((2 * count + 1) * sizeof *room);
    if (!room)
        return ERR_MEMORY;
    encoding_input_t few = {.count = count, .values = room};
    patch_gather(patch, input->values, room);
    if (input->residual)
        patch_gather(patch, input->residual, room + count);
    few.residual = input->residual ? room + count : NULL;
    few.ret_residual = input->ret_residual ? room + count : NULL;
    err_code_t code = encoding_encode(values, setting, &few, ret_bytes, &size, NULL);
    if (!code && input->ret_residual) {
        memset(input->ret_residual, 0, input->count * sizeof *input->ret_residual);
        patch_scatter(patch, 0, count, few.ret_residual, input->ret_residual);
    }
    free(room);
    return code;
}

static size_t s_head_bytes(const patch_t *patch)
{
    return HEAD + patch->runs.count * PAIR;
}

static err_code_t s_encode_patch(const encoding_t *values, const encoding_setting_t *setting,
                                 const encoding_input_t *input, const patch_t *patch, buf_t **ret_bytes)
{
    size_t head = s_head_bytes(patch), all = encoding_size_most(values, setting, input->count);
    size_t size = head + encoding_size_most(values, setting, (size_t)patch->count);
    if (size >= all)
        return ERR_OK;
    buf_t *bytes = buf_new(size);
    if (!bytes)
        return ERR_MEMORY;
    uint32_t *words = buf_data(bytes);
    words[0] = (uint32_t)patch->runs.count;
    patch_index(patch, words + 1);
    err_code_t code = s_encode_values(values, setting, input, patch, (char *)buf_data(bytes) + head);
    if (code)
        buf_destroy(&bytes);
    *ret_bytes = bytes;
    return code;
}

err_code_t patched_encode(const encoding_t *values, const encoding_setting_t *setting,
                          const encoding_input_t *input, buf_t **ret_bytes)
{
    patch_t *patch = NULL;
    *ret_bytes = NULL;
    err_code_t code = values->blocks ? s_find(input, &patch) : ERR_LIMIT;
    if (!code)
        code = s_encode_patch(values, setting, input, patch, ret_bytes);
    patch_destroy(&patch);
    return code == ERR_LIMIT ? ERR_OK : code;
}

/* -- in */

bool patched_fits(const encoding_t *values, const encoding_setting_t *setting, size_t count, uint64_t size)
{
    return values->blocks && size >= HEAD && size % 4 == 0 &&
           size < encoding_size_most(values, setting, count);
}

static err_code_t s_read_patch(reader_t *bytes, size_t count, patch_t **ret_patch)
{
    uint32_t runs;
    const void *at = reader_take(bytes, HEAD, &runs);
    if (!at)
        return ERR_SHAPE;
    memcpy(&runs, at, sizeof runs);
    if (runs > bytes->left / PAIR || runs > RANGES_MAX)
        return ERR_MALFORMED;
    void *room = malloc(runs * PAIR + 1);
    if (!room)
        return ERR_MEMORY;
    err_code_t code = patch_load(reader_take(bytes, runs * PAIR, room), runs, count, ret_patch, NULL);
    free(room);
    return code;
}

/* Values that lie at the front to their places, the last one first: none goes to the left. */
static void s_spread(const patch_t *patch, float *x, size_t count)
{
    size_t end = count;
    for (size_t i = patch->runs.count; i-- > 0;) {
        const range_t *run = &patch->runs.items[i];
        memset(x + run->end, 0, (end - run->end) * sizeof *x);
        memmove(x + run->first, x + patch->at[i], (run->end - run->first) * sizeof *x);
        end = run->first;
    }
    memset(x, 0, end * sizeof *x);
}

err_code_t patched_decode(const encoding_t *values, const slice_t *slices, size_t slice_count,
                          float *ret_values, size_t count, patch_t **ret_patch)
{
    reader_t bytes = reader_of(slices, slice_count);
    patch_t *patch = NULL;
    err_code_t code = s_read_patch(&bytes, count, &patch);
    if (!code)
        code = encoding_read(values, &bytes, ret_values, (size_t)patch->count, NULL);
    if (!code)
        s_spread(patch, ret_values, count);
    if (!code && ret_patch) {
        *ret_patch = patch;
        return ERR_OK;
    }
    patch_destroy(&patch);
    return code;
}
