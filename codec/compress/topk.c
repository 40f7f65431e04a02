#include "codec/compress/topk.h"

#include "codec/compress/bits.h"
#include "codec/compress/select.h"

#define HEADER 16u
#define WIDTH_MOST 31u

/* -- how much ---------------------------------------------------------------------------------------------
 */

static size_t s_most(const encoding_setting_t *setting, size_t count)
{
    double most = (double)count * setting->ratio;
    size_t whole = most >= (double)count ? count : (size_t)most;
    return whole < 1 ? 1 : whole;
}

/* The logarithm of the mean distance, rounded down. */
static unsigned s_width(size_t most, size_t count)
{
    unsigned width = 0;
    while (width < WIDTH_MOST && count / most >> (width + 1))
        width++;
    return width;
}

static size_t s_index_most(size_t most, size_t count)
{
    unsigned width = s_width(most, count);
    return (most * (width + 1) + (count >> width) + 31) / 32 * 4;
}

static const encoding_blocks_t *s_values(uint64_t number)
{
    const encoding_t *row = encoding_find(number);
    return row ? row->blocks : NULL;
}

size_t topk_size_most(const encoding_setting_t *setting, size_t count)
{
    size_t most = s_most(setting, count);
    return HEADER + s_index_most(most, count) + s_values(setting->values)->size(most);
}

/* -- out --------------------------------------------------------------------------------------------------
 */

typedef struct {
    const encoding_blocks_t *values;
    unsigned width;
    uint64_t bits; /* that do not make a word yet */
    unsigned bit_count;
    uint8_t *index_at, *value_at;
    uint64_t next;  /* index behind the last one */
    uint64_t count; /* values so far */
    size_t held;    /* of them in x */
    float x[ENCODING_BLOCK];
    uint64_t where[ENCODING_BLOCK];
} writer_t;

static void s_put_bits(writer_t *self, uint64_t bits, unsigned count)
{
    self->bits |= bits << self->bit_count;
    self->bit_count += count;
    if (self->bit_count < 32)
        return;
    uint32_t word = (uint32_t)self->bits;
    memcpy(self->index_at, &word, sizeof word);
    self->index_at += sizeof word;
    self->bits >>= 32;
    self->bit_count -= 32;
}

static void s_put_index(writer_t *self, uint64_t index)
{
    uint64_t distance = index - self->next, zeros = distance >> self->width;
    for (; zeros > 31; zeros -= 31)
        s_put_bits(self, 0, 31);
    s_put_bits(self, UINT64_C(1) << zeros, (unsigned)zeros + 1);
    s_put_bits(self, distance & ((UINT64_C(1) << self->width) - 1), self->width);
    self->next = index + 1;
}

/* Encodes the values that are held; what is not carried of them goes back to where they were. */
static void s_flush(writer_t *self, float *x)
{
    if (self->held == 0)
        return;
    self->values->encode(self->x, self->held, self->value_at);
    for (size_t i = 0; i < self->held; i++)
        x[self->where[i]] = self->x[i];
    self->value_at += self->values->size(self->held);
    self->held = 0;
}

/* Which values are carried. */
typedef struct {
    uint32_t least;     /* bits of their smallest magnitude */
    size_t equal;       /* of those that equal it the first so many; SIZE_MAX: all */
    const float *scale; /* NULL: no matter */
    float threshold;    /* of scale */
} pick_t;

static size_t s_find_largest(const pick_t *pick, const float *x, size_t first, size_t count,
                             uint32_t *ret_indices)
{
    if (!pick->scale)
        return select_find(x + first, count, pick->least, BITS_INFINITY, ret_indices);
    return select_find_beyond(x + first, pick->scale + first, count, pick->threshold, pick->least,
                              ret_indices);
}

static void s_write_picked(writer_t *self, float *x, size_t count, const pick_t *pick)
{
    uint32_t found[ENCODING_BLOCK];
    size_t equal = pick->equal;
    for (size_t first = 0; first < count; first += ENCODING_BLOCK) {
        size_t n = count - first < ENCODING_BLOCK ? count - first : ENCODING_BLOCK;
        size_t hits = s_find_largest(pick, x, first, n, found);
        for (size_t i = 0; i < hits; i++) {
            size_t index = first + found[i];
            bool equals = (bits_of(x[index]) & BITS_MAGNITUDE) == pick->least;
            if (equals && equal == 0)
                continue;
            equal -= equals && equal != SIZE_MAX;
            s_put_index(self, index);
            self->where[self->held] = index;
            self->x[self->held++] = x[index];
            self->count++;
            if (self->held == ENCODING_BLOCK)
                s_flush(self, x);
        }
    }
    s_flush(self, x);
    if (self->bit_count)
        s_put_bits(self, 0, 32 - self->bit_count);
}

/* values + residual to where the residual goes, and which of them are the largest. */
static pick_t s_pick_largest(const encoding_input_t *input, uint32_t least, size_t most)
{
    select_t select = {0};
    float *x = input->ret_residual;
    for (size_t first = 0; first < input->count; first += ENCODING_BLOCK) {
        size_t left = input->count - first, n = left < ENCODING_BLOCK ? left : ENCODING_BLOCK;
        encoding_add(input->values + first, input->residual ? input->residual + first : NULL, x + first, n);
        select_add(&select, x + first, n);
    }
    size_t above;
    uint32_t threshold = select_threshold(&select, x, input->count, most, &above);
    if (threshold < least)
        return (pick_t){.least = least, .equal = most};
    return (pick_t){.least = threshold, .equal = most - above};
}

/* The same, and which of them exceed their threshold: `most` becomes how many. */
static pick_t s_pick_beyond(const encoding_input_t *input, uint32_t least, size_t *ret_most)
{
    pick_t pick = {.least = least, .equal = SIZE_MAX, .scale = input->scale, .threshold = input->threshold};
    uint32_t found[ENCODING_BLOCK];
    float *x = input->ret_residual;
    *ret_most = 0;
    for (size_t first = 0; first < input->count; first += ENCODING_BLOCK) {
        size_t left = input->count - first, n = left < ENCODING_BLOCK ? left : ENCODING_BLOCK;
        encoding_add(input->values + first, input->residual ? input->residual + first : NULL, x + first, n);
        *ret_most += s_find_largest(&pick, x, first, n, found);
    }
    return pick;
}

/* The values are written behind the room that indices may need, and moved to the end of those there are.
 * However many exceed their threshold, with indices they take no more room than if all did. */
size_t topk_encode(const encoding_setting_t *setting, const encoding_input_t *input, uint8_t *ret_bytes)
{
    size_t most = s_most(setting, input->count);
    writer_t writer = {.values = s_values(setting->values)};
    CHECK(!input->scale || most == input->count);
    pick_t pick = input->scale ? s_pick_beyond(input, writer.values->least, &most)
                               : s_pick_largest(input, writer.values->least, most);
    if (most == 0)
        return 0;
    uint8_t *values = ret_bytes + HEADER + s_index_most(most, input->count);
    writer.width = s_width(most, input->count);
    writer.index_at = ret_bytes + HEADER;
    writer.value_at = values;
    s_write_picked(&writer, input->ret_residual, input->count, &pick);
    uint32_t words = (uint32_t)((writer.index_at - ret_bytes - HEADER) / 4);
    size_t value_bytes = (size_t)(writer.value_at - values);
    memset(ret_bytes, 0, HEADER);
    ret_bytes[0] = (uint8_t)setting->values;
    ret_bytes[1] = (uint8_t)writer.width;
    memcpy(ret_bytes + 4, &words, sizeof words);
    memcpy(ret_bytes + 8, &writer.count, sizeof writer.count);
    memmove(writer.index_at, values, value_bytes);
    return HEADER + (size_t)words * 4 + value_bytes;
}

/* -- in ---------------------------------------------------------------------------------------------------
 */

typedef struct {
    const encoding_blocks_t *values;
    unsigned width;
    uint64_t words; /* of indices that are left */
    uint64_t count; /* of values */
    uint64_t bits;
    unsigned bit_count;
    uint64_t next;
    reader_t index_bytes, value_bytes;
} source_t;

static err_code_t s_begin(reader_t *bytes, size_t count, source_t *ret, err_t *err)
{
    uint8_t scratch[HEADER];
    const uint8_t *header = reader_take(bytes, HEADER, scratch);
    if (!header)
        return err_set(err, ERR_SHAPE, "topk: too few bytes");
    uint32_t words;
    memcpy(&words, header + 4, sizeof words);
    *ret =
        (source_t){.values = s_values(header[0]), .width = header[1], .words = words, .index_bytes = *bytes};
    memcpy(&ret->count, header + 8, sizeof ret->count);
    if (!ret->values || ret->width > WIDTH_MOST || header[2] || header[3])
        return err_set(err, ERR_MALFORMED, "topk: a header that no encoder writes");
    if (ret->count > count)
        return err_set(err, ERR_MALFORMED, "topk: more values than there are elements");
    if (!reader_skip(bytes, (uint64_t)words * 4) || bytes->left != ret->values->size((size_t)ret->count))
        return err_set(err, ERR_SHAPE, "topk: the counts do not fit the bytes");
    ret->value_bytes = *bytes;
    return reader_skip(bytes, bytes->left) ? ERR_OK : ERR_SHAPE;
}

static void s_fill_bits(source_t *self)
{
    uint32_t word, scratch;
    if (self->bit_count > 32 || self->words == 0)
        return;
    memcpy(&word, reader_take(&self->index_bytes, sizeof word, &scratch), sizeof word);
    self->bits |= (uint64_t)word << self->bit_count;
    self->bit_count += 32;
    self->words--;
}

static void s_drop_bits(source_t *self, unsigned count)
{
    self->bits = count < 64 ? self->bits >> count : 0;
    self->bit_count -= count;
}

/* The next index, below `count`. A number too large for that is noticed before it can overflow. */
static bool s_next(source_t *self, size_t count, uint64_t *ret_index)
{
    uint64_t zeros = 0;
    s_fill_bits(self);
    while (self->bits == 0) {
        zeros += self->bit_count;
        s_drop_bits(self, self->bit_count);
        s_fill_bits(self);
        if (self->bit_count == 0 || zeros > count)
            return false;
    }
    unsigned more = (unsigned)__builtin_ctzll(self->bits);
    s_drop_bits(self, more + 1);
    s_fill_bits(self);
    zeros += more;
    if (self->bit_count < self->width || zeros > count >> self->width)
        return false;
    uint64_t index = self->next + (zeros << self->width | (self->bits & ((UINT64_C(1) << self->width) - 1)));
    s_drop_bits(self, self->width);
    *ret_index = index;
    self->next = index + 1;
    return index < count;
}

static err_code_t s_read_values(source_t *self, size_t n, float *ret_values, size_t count, err_t *err)
{
    float x[ENCODING_BLOCK];
    uint8_t scratch[ENCODING_BLOCK * sizeof(float)];
    const uint8_t *at = reader_take(&self->value_bytes, self->values->size(n), scratch);
    CHECK(at); /* s_begin has counted them */
    err_code_t code = self->values->decode(at, x, n);
    if (code)
        return err_set(err, code, "topk: values that no encoder writes");
    for (size_t i = 0; i < n; i++) {
        uint64_t index;
        if (!s_next(self, count, &index))
            return err_set(err, ERR_MALFORMED, "topk: an index out of range");
        ret_values[index] = x[i];
    }
    return ERR_OK;
}

err_code_t topk_decode(reader_t *bytes, float *ret_values, size_t count, err_t *err)
{
    source_t source;
    err_code_t code = s_begin(bytes, count, &source, err);
    if (code)
        return code;
    memset(ret_values, 0, count * sizeof *ret_values);
    for (uint64_t done = 0; done < source.count && !code; done += ENCODING_BLOCK) {
        uint64_t left = source.count - done;
        code = s_read_values(&source, left < ENCODING_BLOCK ? (size_t)left : ENCODING_BLOCK, ret_values,
                             count, err);
    }
    if (!code && (source.words || source.bit_count > 31 || source.bits))
        return err_set(err, ERR_MALFORMED, "topk: bits behind the last index");
    return code;
}
