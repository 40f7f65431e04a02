#include "brokers/model_spec.h"

#include <stdio.h>
#include <string.h>

#define MODEL(FAMILY, TEXT, ...) {__VA_ARGS__},
static const model_row_t s_models[] = {
#include "brokers/models.def"
};
#undef MODEL

#define MODELS (sizeof s_models / sizeof *s_models)

const model_row_t *model_row_at(size_t index)
{
    return index < MODELS ? &s_models[index] : NULL;
}

const model_row_t *model_row(const char *name)
{
    for (size_t i = 0; name && i < MODELS; i++)
        if (strcmp(s_models[i].otherwise.name, name) == 0)
            return &s_models[i];
    return NULL;
}

bool model_row_takes(const model_row_t *self, const char *option)
{
    size_t length = strlen(option);
    for (const char *at = self->takes; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, option, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return true;
    return false;
}

model_spec_t model_spec_of(const char *name)
{
    model_spec_t self = {.name = ""};
    if (name && strlen(name) < sizeof self.name)
        snprintf(self.name, sizeof self.name, "%s", name);
    return self;
}

void model_spec_complete(model_spec_t *self, const model_spec_t *otherwise)
{
    if (!self->hidden_count) {
        memcpy(self->hidden, otherwise->hidden, sizeof self->hidden);
        self->hidden_count = otherwise->hidden_count;
    }
    if (!self->classes)
        self->classes = otherwise->classes;
    if (!self->embedding)
        self->embedding = otherwise->embedding;
    if (!self->rows)
        self->rows = otherwise->rows;
    if (!self->categorical)
        self->categorical = otherwise->categorical;
    if (!self->input[0])
        memcpy(self->input, otherwise->input, sizeof self->input);
}
