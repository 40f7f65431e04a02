#include "brokers/link.h"

void frames_fini(frames_t *self)
{
    slice_fini(&self->envelope);
    slice_fini(&self->map);
    slice_fini(&self->data);
}

size_t frames_size(const frames_t *self)
{
    return self->envelope.size_bytes + self->map.size_bytes + self->data.size_bytes;
}
