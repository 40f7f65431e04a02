#include "codec/compress/encoding.h"

#include "codec/compress/none.h"

#include <string.h>

static const encoding_t s_encodings[] = {
    {0, "none", "float32 as it is, little-endian", none_encoded_size, none_encode, none_decode},
};

const encoding_t *encoding_at(size_t index)
{
    return index < sizeof s_encodings / sizeof s_encodings[0] ? &s_encodings[index] : NULL;
}

const encoding_t *encoding_find(uint64_t number)
{
    for (size_t index = 0; encoding_at(index); index++)
        if (encoding_at(index)->number == number)
            return encoding_at(index);
    return NULL;
}

const encoding_t *encoding_named(const char *name)
{
    for (size_t index = 0; encoding_at(index); index++)
        if (strcmp(encoding_at(index)->name, name) == 0)
            return encoding_at(index);
    return NULL;
}
