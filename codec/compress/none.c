#include "codec/compress/none.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "values travel little-endian, in the machine's own order"
#endif

size_t none_encoded_size(size_t count)
{
    return count * sizeof(float);
}

void none_encode(const float *values, size_t count, void *ret_bytes)
{
    if (count)
        memcpy(ret_bytes, values, none_encoded_size(count));
}

err_code_t none_decode(const void *bytes, size_t size, float *ret_values, size_t count, err_t *err)
{
    if (size != none_encoded_size(count))
        return err_set(err, ERR_SHAPE, "%zu bytes are not %zu float32 values", size, count);
    if (count)
        memcpy(ret_values, bytes, size);
    return ERR_OK;
}
