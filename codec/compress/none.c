#include "codec/compress/none.h"

#include "codec/compress/bits.h"

static size_t s_size_none(size_t count)
{
    return count * sizeof(float);
}

static void s_encode_none(float *x, size_t count, uint8_t *ret_bytes)
{
    memcpy(ret_bytes, x, s_size_none(count));
    memset(x, 0, s_size_none(count));
}

static err_code_t s_decode_none(const uint8_t *bytes, float *ret_x, size_t count)
{
    memcpy(ret_x, bytes, s_size_none(count));
    return encoding_finite(ret_x, NULL, count) ? ERR_OK : ERR_NUMBER;
}

const encoding_blocks_t none_blocks = {
    .size = s_size_none, .least = 1, .encode = s_encode_none, .decode = s_decode_none};
