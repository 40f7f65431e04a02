/* A topology as YAML: the effective one, and the default one with what the table says about every key. */
#include "brokers/topology.h"
#include "brokers/topology_field.h"
#include "brokers/topology_value.h"

#include <string.h>

typedef struct {
    const topology_t *topology;
    FILE *out;
    bool annotate; /* help above each key, also of those that are not set */
    bool dash;     /* the next line begins an element of a list */
} printer_t;

static void s_print_map(printer_t *self, const field_t *parent, const void *base, int indent);

/* "    key:" or "  - key:", ended by the caller. */
static void s_print_key(printer_t *self, const field_t *field, int indent)
{
    if (self->dash)
        fprintf(self->out, "%*s- %s:", indent - 2, "", field_key(field));
    else
        fprintf(self->out, "%*s%s:", indent, "", field_key(field));
    self->dash = false;
}

/* Rows made of `between: all` are alike, and stand behind the others: one says it for all. */
static bool s_is_repeated(const printer_t *self, const field_t *field, size_t index)
{
    const topology_link_t *links = self->topology->links;
    return field->offset == offsetof(topology_t, links) && index && links[index].of_all &&
           links[index - 1].of_all;
}

static void s_print_list(printer_t *self, const field_t *field, const void *base, int indent)
{
    size_t count = *(const size_t *)(const void *)((const char *)base + field->count_offset);
    bool annotate = self->annotate;
    s_print_key(self, field, indent);
    fprintf(self->out, count ? "\n" : " []\n");
    for (size_t i = 0; i < count; i++) {
        if (s_is_repeated(self, field, i))
            continue;
        self->dash = true;
        s_print_map(self, field, (const char *)base + field->offset + i * field->element_size, indent + 4);
        self->annotate = false; /* once is enough */
    }
    self->annotate = annotate;
}

static void s_print_between(printer_t *self, const field_t *field, const topology_link_t *link, int indent)
{
    char a[VALUE_TEXT_MAX], b[VALUE_TEXT_MAX];
    const field_t *name = field_find(field_find(NULL, "regions"), "name");
    s_print_key(self, field, indent);
    if (link->of_all) {
        fprintf(self->out, " all\n");
        return;
    }
    fprintf(self->out, " [%s, %s]\n", value_print(name, &self->topology->regions[link->between[0]], a),
            value_print(name, &self->topology->regions[link->between[1]], b));
}

static bool s_is_left_out(const field_t *field, const void *base)
{
    return field->optional && value_is_default(field, base);
}

/* Returns whether the key stands in the effective file: not when it was left out and has no value for
 * that. */
static bool s_is_set(const field_t *field, const void *base)
{
    const char *at = base;
    if (field->given_offset)
        return *(const bool *)(at + field->given_offset);
    if (s_is_left_out(field, base))
        return false;
    bool text = field->type == FIELD_PATH || field->type == FIELD_ENDPOINT;
    return !text || at[field->offset] != '\0';
}

static void s_print_value(printer_t *self, const field_t *field, const void *base, int indent)
{
    char text[VALUE_TEXT_MAX];
    if (s_is_set(field, base)) {
        s_print_key(self, field, indent);
        fprintf(self->out, " %s\n", value_print(field, base, text));
    } else if (self->annotate) {
        fprintf(self->out, "%*s# %s: %s\n", indent, "", field_key(field),
                field->type == FIELD_ENDPOINT                               ? "tcp://HOST:PORT"
                : field->type == FIELD_WHOLES || field->type == FIELD_WORDS ? field->unit
                                                                            : field->otherwise);
    }
}

#define LINE_MAX_LENGTH 110

/* "# passes over the data [epochs: a whole number from 1 to 1000000]", in two lines when it is too long for
 * one. */
static void s_print_help(printer_t *self, const field_t *field, int indent)
{
    char remedy[FIELD_REMEDY_MAX], note[FIELD_REMEDY_MAX + 64];
    bool container = field->type == FIELD_MAP || field->type == FIELD_LIST;
    indent -= self->dash ? 2 : 0;
    if (indent == 0)
        fprintf(self->out, "\n");
    fprintf(self->out, "%*s# %s", indent, "", field->help);
    if (!container) {
        const char *unit = field->type == FIELD_WHOLES || field->type == FIELD_WORDS ? NULL : field->unit;
        snprintf(note, sizeof note, "[%s%s%s%s]", field->required ? "required; " : "", unit ? unit : "",
                 unit ? ": " : "", field_remedy(field, remedy) + strlen("write "));
        if ((size_t)indent + strlen(field->help) + strlen(note) + 3 <= LINE_MAX_LENGTH)
            fprintf(self->out, " %s", note);
        else
            fprintf(self->out, "\n%*s# %s", indent, "", note);
    }
    fprintf(self->out, "\n");
}

/* Prints the value of the one key that says all that a map says, if there is such a one. */
static bool s_print_bare(const printer_t *self, const field_t *map, const void *base)
{
    char text[VALUE_TEXT_MAX];
    for (const field_t *field = field_next(map, NULL); field; field = field_next(map, field))
        if (!map->bare || (!field_is_bare(map, field) && !s_is_left_out(field, base)))
            return false;
    fprintf(self->out, " %s\n", value_print(field_find(map, map->bare), base, text));
    return true;
}

static void s_print_map(printer_t *self, const field_t *parent, const void *base, int indent)
{
    for (const field_t *field = field_next(parent, NULL); field; field = field_next(parent, field)) {
        if (self->annotate)
            s_print_help(self, field, indent);
        switch (field->type) {
        case FIELD_MAP:
            s_print_key(self, field, indent);
            if (!self->annotate && s_print_bare(self, field, base))
                break;
            fprintf(self->out, "\n");
            s_print_map(self, field, base, indent + 2);
            break;
        case FIELD_LIST:
            s_print_list(self, field, base, indent);
            break;
        case FIELD_BETWEEN:
            s_print_between(self, field, base, indent);
            break;
        default:
            s_print_value(self, field, base, indent);
            break;
        }
    }
}

void topology_print(const topology_t *self, FILE *out)
{
    printer_t printer = {.topology = self, .out = out};
    s_print_map(&printer, NULL, self, 0);
}

void topology_print_default(FILE *out)
{
    /* The least that is a topology, with one of everything; the table fills in the rest. */
    static const char least[] =
        "job: {name: example, model: lenet, data: {dir: /usr/share/datasets/fashion-mnist}}\n"
        "regions: [{name: north, data_share: 1, offers: [{name: small}]},\n"
        "          {name: south, data_share: 1}]\n"
        "links: [{between: [north, south], rate: 100Mbit, rtt: 30ms}]\n";
    topology_t *example = NULL;
    err_code_t code = topology_parse("example", least, strlen(least), NULL, 0, &example, NULL);
    if (code == ERR_MEMORY)
        return;
    CHECK(code == ERR_OK);
    fprintf(out, "# A topology: one job over the regions that hold its data. Every key that may be written "
                 "is here, with\n"
                 "# its default unless it is required.\n");
    printer_t printer = {.topology = example, .out = out, .annotate = true};
    s_print_map(&printer, NULL, example, 0);
    topology_destroy(&example);
}
