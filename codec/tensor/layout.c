#include "codec/tensor/layout.h"

#include "codec/base/hash.h"

#include <ctype.h>
#include <string.h>

/* Names go unescaped into file headers and messages, so they are letters, digits and "._-/". */
static err_code_t s_check_name(const layout_t *self, const char *name, err_t *err)
{
    size_t length = strlen(name);
    if (length == 0 || length >= TENSOR_NAME_MAX)
        return err_set(err, ERR_LIMIT, "tensor '%.80s': a name has 1 to %d characters, this one %zu", name,
                       TENSOR_NAME_MAX - 1, length);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-/", name[i]))
            return err_set(err, ERR_MALFORMED,
                           "tensor '%s': character %zu is not a letter, digit or one of ._-/", name, i + 1);
    for (size_t i = 0; i < self->tensor_count; i++)
        if (strcmp(self->tensors[i].name, name) == 0)
            return err_set(err, ERR_EXISTS, "tensor '%s': there is already one of that name", name);
    return ERR_OK;
}

static err_code_t s_count_elements(const layout_t *self, const char *name, size_t rank, const size_t *dims,
                                   size_t *ret_count, err_t *err)
{
    if (rank < 1 || rank > TENSOR_RANK_MAX)
        return err_set(err, ERR_SHAPE, "tensor '%s': rank %zu is not in 1..%d", name, rank, TENSOR_RANK_MAX);
    size_t count = 1, total, bytes;
    bool too_large = false;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] == 0)
            return err_set(err, ERR_SHAPE, "tensor '%s': dimension %zu is 0", name, i);
        too_large |= __builtin_mul_overflow(count, dims[i], &count);
    }
    too_large |= __builtin_add_overflow(self->count, count, &total);
    too_large |= __builtin_mul_overflow(total, sizeof(float), &bytes);
    if (too_large)
        return err_set(err, ERR_LIMIT, "tensor '%s': more elements than memory can have", name);
    *ret_count = count;
    return ERR_OK;
}

err_code_t layout_add(layout_t *self, const char *name, size_t rank, const size_t *dims, err_t *err)
{
    size_t count = 0;
    if (self->tensor_count >= LAYOUT_TENSORS_MAX)
        return err_set(err, ERR_LIMIT, "tensor '%.80s': a layout has at most %d tensors", name,
                       LAYOUT_TENSORS_MAX);
    err_code_t code = s_check_name(self, name, err);
    if (!code)
        code = s_count_elements(self, name, rank, dims, &count, err);
    if (code)
        return code;
    self->tensor_count++;
    tensor_t *tensor = layout_last(self);
    memset(tensor, 0, sizeof *tensor); /* all bytes defined: the digest reads names and dims whole */
    memcpy(tensor->name, name, strlen(name));
    memcpy(tensor->dims, dims, rank * sizeof *dims);
    tensor->rank = rank;
    tensor->offset = self->count;
    tensor->count = count;
    tensor->decays = rank > 1;
    self->count += count;
    return ERR_OK;
}

tensor_t *layout_last(layout_t *self)
{
    CHECK(self->tensor_count);
    return self->tensors + self->tensor_count - 1;
}

bool layout_is_sparse(const layout_t *self)
{
    for (size_t i = 0; i < self->tensor_count; i++)
        if (self->tensors[i].sparse)
            return true;
    return false;
}

void layout_shard(const layout_t *self, size_t shard_count, size_t index, size_t *ret_first, size_t *ret_end)
{
    CHECK(index < shard_count);
    size_t each = self->count / shard_count, rest = self->count % shard_count;
    *ret_first = each * index + (index < rest ? index : rest);
    *ret_end = *ret_first + each + (index < rest ? 1 : 0);
}

/* 0 where nothing is unusual, so that layouts without rules have the digest they had before there were
 * any. */
static uint64_t s_rules(const tensor_t *tensor)
{
    uint32_t rate;
    memcpy(&rate, &tensor->rate, sizeof rate);
    uint64_t unusual = tensor->decays != (tensor->rank > 1);
    return (uint64_t)rate << 32 | unusual << 17 | (uint64_t)tensor->sparse << 16 |
           (uint64_t)tensor->rule << 8;
}

uint64_t layout_digest(const layout_t *self)
{
    uint64_t digest = hash_checksum("", 0);
    for (size_t i = 0; i < self->tensor_count; i++) {
        const tensor_t *tensor = self->tensors + i;
        struct {
            uint64_t before;
            char name[TENSOR_NAME_MAX];
            uint64_t rank;
            uint64_t dims[TENSOR_RANK_MAX];
        } link = {.before = digest, .rank = tensor->rank | s_rules(tensor)};
        memcpy(link.name, tensor->name, sizeof link.name);
        for (size_t d = 0; d < tensor->rank; d++)
            link.dims[d] = tensor->dims[d];
        digest = hash_checksum(&link, sizeof link);
    }
    return digest;
}
