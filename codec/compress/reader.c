#include "codec/compress/reader.h"

#include <string.h>

reader_t reader_of(const slice_t *slices, size_t count)
{
    reader_t self = {.slices = slices, .count = count};
    for (size_t i = 0; i < count; i++)
        self.left += slices[i].size_bytes;
    return self;
}

/* How many bytes there are in one piece at the place of the reader; steps over pieces that are used up. */
static size_t s_here(reader_t *self)
{
    while (self->count && self->offset == self->slices->size_bytes) {
        self->slices++;
        self->count--;
        self->offset = 0;
    }
    return self->count ? self->slices->size_bytes - self->offset : 0;
}

static const char *s_pass(reader_t *self, size_t size)
{
    const char *at = (const char *)slice_peek(self->slices) + self->offset;
    self->offset += size;
    self->left -= size;
    return at;
}

const void *reader_take(reader_t *self, size_t size, void *scratch)
{
    if (size > self->left)
        return NULL;
    if (size == 0)
        return scratch;
    if (s_here(self) >= size)
        return s_pass(self, size);
    for (size_t done = 0; done < size;) {
        size_t here = s_here(self), some = here < size - done ? here : size - done;
        memcpy((char *)scratch + done, s_pass(self, some), some);
        done += some;
    }
    return scratch;
}

bool reader_skip(reader_t *self, uint64_t size)
{
    if (size > self->left)
        return false;
    while (size) {
        size_t here = s_here(self), some = here < size ? here : (size_t)size;
        s_pass(self, some);
        size -= some;
    }
    return true;
}
