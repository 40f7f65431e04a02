#include "brokers/topology_field.h"

#include <stdio.h>
#include <string.h>

#define JOB(member) offsetof(topology_t, job.member)
#define CHECKPOINT(member) offsetof(topology_t, checkpoint.member)
#define REGION(member) offsetof(topology_region_t, member)
#define OFFER(member) offsetof(topology_offer_t, member)
#define LINK(member) offsetof(topology_link_t, member)

_Static_assert(sizeof(strategy_name_t) == sizeof(unsigned) && sizeof(durability_t) == sizeof(unsigned) &&
                   sizeof(inside_t) == sizeof(unsigned) && sizeof(security_t) == sizeof(unsigned),
               "enums of the table are stored as unsigned int");

/* clang-format off */
static const field_t s_fields[] = {
    {"job", FIELD_MAP, .required = true, .help = "what is trained"},
    {"job.name", FIELD_NAME, .offset = JOB(name), .required = true, .digest = true,
     .help = "name of this job; a state directory remembers it"},
    {"job.model", FIELD_NAME, .offset = JOB(model), .required = true, .digest = true,
     .help = "softmax, mlp, lenet, or ledger (which counts samples to check the system itself)"},
    {"job.data", FIELD_MAP, .required = true, .help = "the training data"},
    {"job.data.kind", FIELD_WORD, .offset = JOB(data.kind), .values = "idx|counter", .otherwise = "idx", .digest = true,
     .help = "idx: files of the MNIST family; counter: no files, sample i is the number i"},
    {"job.data.dir", FIELD_PATH, .offset = JOB(data.dir), .otherwise = "",
     .help = "folder of the four idx files, plain or gzipped, on every node"},
    {"job.data.split", FIELD_FLAG, .offset = JOB(data.split_by_label), .values = "share|label", .otherwise = "share",
     .digest = true, .help = "who gets what: shuffled and cut by data_share, or sorted by label and then cut"},
    {"job.data.samples", FIELD_WHOLE, .offset = JOB(data.samples), .min = "0", .max = "4294967295", .otherwise = "0",
     .digest = true, .unit = "samples", .help = "training samples of all regions together; 0: all there are"},
    {"job.epochs", FIELD_WHOLE, .offset = JOB(epochs), .min = "1", .max = "1000000", .otherwise = "1", .digest = true,
     .unit = "epochs", .help = "passes over the data"},
    {"job.batch", FIELD_WHOLE, .offset = JOB(batch), .min = "1", .max = "1000000", .otherwise = "64", .digest = true,
     .unit = "samples", .help = "samples per worker and step; an average where regions wait for each other"},
    {"job.seed", FIELD_WHOLE, .offset = JOB(seed), .min = "0", .max = "18446744073709551615", .otherwise = "1",
     .digest = true, .help = "what the first parameters and the order of samples come from"},
    {"job.optimizer", FIELD_MAP, .help = "how a gradient changes the parameters"},
    {"job.optimizer.name", FIELD_FLAG, .offset = JOB(optimizer.momentum_kind), .values = "sgd|momentum",
     .otherwise = "momentum", .digest = true, .help = "plain, or with a running average of gradients"},
    {"job.optimizer.lr", FIELD_NUMBER, .offset = JOB(optimizer.lr), .min = "0", .above = true, .max = "1000",
     .otherwise = "0.01", .digest = true, .help = "learning rate at the start"},
    {"job.optimizer.momentum", FIELD_NUMBER, .offset = JOB(optimizer.momentum), .min = "0", .max = "1", .below = true,
     .otherwise = "0.9", .digest = true, .help = "how much of the last update goes on"},
    {"job.optimizer.schedule", FIELD_FLAG, .offset = JOB(optimizer.linear), .values = "constant|linear",
     .otherwise = "linear", .digest = true, .help = "linear: the learning rate falls to 0 at the last sample"},
    {"job.sync", FIELD_MAP, .help = "how regions exchange what they learned"},
    {"job.sync.strategy", FIELD_ENUM, .offset = JOB(sync.strategy), .values = "asgd|asgd-ga|ama|sma|ssgd",
     .otherwise = "asgd-ga", .digest = true,
     .help = "gradients each step, gradients summed, models averaged; sma and ssgd wait for all regions"},
    {"job.sync.every", FIELD_WHOLE, .offset = JOB(sync.every), .min = "1", .max = "1000000", .otherwise = "8",
     .digest = true, .unit = "steps", .help = "steps of a region between exchanges; always 1 with asgd and ssgd"},
    {"job.sync.encoding", FIELD_WORD, .offset = JOB(sync.encoding), .values = "none", .otherwise = "none",
     .digest = true, .help = "how what crosses between regions is made smaller"},
    {"job.sync.inside", FIELD_INSIDE, .offset = JOB(sync.inside), .min = "1", .max = "1000000", .otherwise = "async",
     .digest = true, .help = "a region's workers: each on its own, in step, or at most S steps apart"},
    {"job.sync.staleness", FIELD_WHOLE, .offset = JOB(sync.staleness), .min = "1", .max = "1000000", .otherwise = "64",
     .digest = true, .unit = "rounds", .help = "rounds another region may lack before this one waits for it"},
    {"job.sync.window", FIELD_SIZE, .offset = JOB(sync.window_bytes), .min = "1KiB", .max = "1024GiB",
     .otherwise = "64MiB", .digest = true, .help = "bytes kept for each other region until it acknowledges them"},
    {"job.sync.away_after", FIELD_DURATION, .offset = JOB(sync.away_after_us), .min = "100ms", .max = "24h",
     .otherwise = "60s", .digest = true, .help = "how long a region may be silent before it is no longer waited for and kept for"},
    {"job.sync.quorum", FIELD_RATIO, .offset = JOB(sync.quorum), .min = "0", .above = true, .max = "1",
     .otherwise = "1", .digest = true, .help = "share of the regions that a round of sma or ssgd needs"},
    {"job.sync.grace", FIELD_DURATION, .offset = JOB(sync.grace_us), .min = "0", .max = "24h", .otherwise = "10s",
     .digest = true, .help = "how long a round waits for the other regions once it has its quorum"},

    {"checkpoint", FIELD_MAP, .help = "snapshots, from which a run goes on after a stop"},
    {"checkpoint.every", FIELD_WHOLE, .offset = CHECKPOINT(every), .min = "1", .max = "1000000000", .otherwise = "32",
     .unit = "steps", .help = "steps between snapshots when nothing else asks for one"},
    {"checkpoint.keep", FIELD_WHOLE, .offset = CHECKPOINT(keep), .min = "1", .max = "1000", .otherwise = "3",
     .unit = "snapshots", .help = "snapshots kept of each shard"},
    {"checkpoint.durability", FIELD_ENUM, .offset = CHECKPOINT(durability), .values = "process|disk",
     .otherwise = "disk", .help = "what a snapshot survives: the end of a process, or a power cut too"},
    {"checkpoint.replicas", FIELD_WHOLE, .offset = CHECKPOINT(replicas), .min = "0", .max = "0", .otherwise = "0",
     .unit = "copies", .help = "copies of each snapshot on other nodes"},

    {"security", FIELD_ENUM, .offset = offsetof(topology_t, security),
     .given_offset = offsetof(topology_t, security_given), .values = "none", .otherwise = "none",
     .help = "none: plain text, nobody proves who they are; must be written before a broker is reachable from outside"},

    {"regions", FIELD_LIST, .offset = offsetof(topology_t, regions), .required = true,
     .element_size = sizeof(topology_region_t), .element_max = TOPOLOGY_REGIONS_MAX,
     .count_offset = offsetof(topology_t, region_count), .help = "places with data, machines and one broker each"},
    {"regions[].name", FIELD_NAME, .offset = REGION(name), .required = true, .digest = true,
     .help = "name of the region, unique in this file"},
    {"regions[].data_share", FIELD_NUMBER, .offset = REGION(data_share), .required = true, .min = "0", .above = true,
     .max = "1000000000000", .digest = true, .help = "its part of the training data, on any scale: 2 and 1 are two thirds and one"},
    {"regions[].workers", FIELD_WHOLE, .offset = REGION(workers), .min = "1", .max = "1024", .otherwise = "1",
     .unit = "workers", .help = "workers that compute gradients"},
    {"regions[].shards", FIELD_WHOLE, .offset = REGION(shards), .min = "1", .max = "1024", .otherwise = "1",
     .digest = true, .unit = "shards", .help = "shards that hold the region's model, a part each; equal in all regions"},
    {"regions[].broker", FIELD_MAP, .help = "through which everything in and out of the region goes"},
    {"regions[].broker.bind", FIELD_ENDPOINT, .offset = REGION(bind), .otherwise = "tcp://127.0.0.1:*",
     .help = "where it listens; * as port: any free one"},
    {"regions[].broker.advertise", FIELD_ENDPOINT, .offset = REGION(advertise), .otherwise = "",
     .help = "what others dial where that differs from bind, behind an address translation for instance"},
    {"regions[].offers", FIELD_LIST, .offset = REGION(offers), .element_size = sizeof(topology_offer_t),
     .element_max = TOPOLOGY_OFFERS_MAX, .count_offset = REGION(offer_count), .help = "machines that can be rented"},
    {"regions[].offers[].name", FIELD_NAME, .offset = OFFER(name), .required = true, .help = "name of the kind of machine, unique in its region"},
    {"regions[].offers[].count", FIELD_WHOLE, .offset = OFFER(count), .min = "1", .max = "1000000", .otherwise = "1",
     .unit = "units", .help = "units rented"},
    {"regions[].offers[].cores", FIELD_WHOLE, .offset = OFFER(cores), .min = "1", .max = "65536", .otherwise = "1",
     .unit = "cores", .help = "cores of one unit"},
    {"regions[].offers[].power", FIELD_NUMBER, .offset = OFFER(power), .min = "0", .above = true, .max = "1000000",
     .otherwise = "1", .help = "speed of one core beside the others'"},
    {"regions[].offers[].price_per_s", FIELD_NUMBER, .offset = OFFER(price_per_s), .min = "0", .max = "1000000000",
     .otherwise = "0", .help = "price of one unit per second, in any one currency"},

    {"links", FIELD_LIST, .offset = offsetof(topology_t, links), .element_size = sizeof(topology_link_t),
     .element_max = TOPOLOGY_LINKS_MAX, .count_offset = offsetof(topology_t, link_count),
     .help = "one for each pair of regions"},
    {"links[].between", FIELD_BETWEEN, .offset = LINK(between), .required = true,
     .help = "two regions; the broker of the first listens, that of the second dials"},
    {"links[].rate", FIELD_RATE, .offset = LINK(rate_bytes_per_s), .min = "0", .max = "1000GB", .otherwise = "0",
     .help = "how much goes through, each way; 0: not limited"},
    {"links[].rtt", FIELD_DURATION, .offset = LINK(rtt_us), .min = "0", .max = "60s", .otherwise = "0",
     .help = "time of a round trip"},
    {"links[].jitter", FIELD_DURATION, .offset = LINK(jitter_us), .min = "0", .max = "60s", .otherwise = "0",
     .help = "how much the round trip varies"},
    {"links[].loss", FIELD_RATIO, .offset = LINK(loss), .min = "0", .max = "1", .below = true, .otherwise = "0",
     .help = "share of packets that are lost"},
    {"links[].price_per_gb", FIELD_NUMBER, .offset = LINK(price_per_gb), .min = "0", .max = "1000000",
     .otherwise = "0", .help = "price of 10^9 bytes sent, in the currency of the offers"},
    {"links[].emulate", FIELD_BOOL, .offset = LINK(emulate), .otherwise = "false",
     .help = "make the link as slow as the figures above, to try a WAN on one machine"},
    {"links[].connections", FIELD_WHOLE, .offset = LINK(connections), .min = "1", .max = "64", .otherwise = "2",
     .unit = "connections", .help = "connections for data, beside the one for control"},
};
/* clang-format on */

size_t field_count(void)
{
    return sizeof s_fields / sizeof *s_fields;
}

const field_t *field_at(size_t index)
{
    return &s_fields[index];
}

const char *field_key(const field_t *self)
{
    const char *dot = strrchr(self->path, '.');
    return dot ? dot + 1 : self->path;
}

static bool s_is_under(const field_t *self, const field_t *parent)
{
    const char *rest = self->path;
    if (parent) {
        size_t length = strlen(parent->path);
        const char *join = parent->type == FIELD_LIST ? "[]." : ".";
        if (strncmp(rest, parent->path, length) != 0 || strncmp(rest + length, join, strlen(join)) != 0)
            return false;
        rest += length + strlen(join);
    }
    return strchr(rest, '.') == NULL;
}

const field_t *field_next(const field_t *parent, const field_t *previous)
{
    for (size_t i = previous ? (size_t)(previous - s_fields) + 1 : 0; i < field_count(); i++)
        if (s_is_under(&s_fields[i], parent))
            return &s_fields[i];
    return NULL;
}

const field_t *field_find(const field_t *parent, const char *key)
{
    for (const field_t *field = field_next(parent, NULL); field; field = field_next(parent, field))
        if (strcmp(field_key(field), key) == 0)
            return field;
    return NULL;
}

const char *field_value(const field_t *self, size_t index, size_t *ret_length)
{
    const char *at = self->values;
    while (at && index-- > 0) {
        at = strchr(at, '|');
        at = at ? at + 1 : NULL;
    }
    if (at)
        *ret_length = strcspn(at, "|");
    return at;
}

/* -- remedies ---------------------------------------------------------------------------------------------
 */

static const char *s_range_remedy(const field_t *self, const char *kind, const char *sample,
                                  char out[FIELD_REMEDY_MAX])
{
    if (strcmp(self->min, self->max) == 0)
        snprintf(out, FIELD_REMEDY_MAX, "write %s", self->min);
    else
        snprintf(out, FIELD_REMEDY_MAX, "write %s %s %s %s %s%s", kind, self->above ? "above" : "from",
                 self->min,
                 self->above && !self->below ? "up to"
                 : self->below               ? "to below"
                                             : "to",
                 self->max, sample);
    return out;
}

/* Adds to what is in out already, cut off at its end. */
static void s_append(char out[FIELD_REMEDY_MAX], const char *join, const char *text, size_t length)
{
    size_t at = strlen(out);
    snprintf(out + at, FIELD_REMEDY_MAX - at, "%s%.*s", join, (int)length, text);
}

/* "write a, b or c" from "a|b|c". */
static const char *s_values_remedy(const field_t *self, char out[FIELD_REMEDY_MAX])
{
    size_t length, next_length;
    const char *value = field_value(self, 0, &length);
    snprintf(out, FIELD_REMEDY_MAX, "write %.*s", (int)length, value);
    for (size_t i = 1; (value = field_value(self, i, &length)); i++)
        s_append(out, field_value(self, i + 1, &next_length) ? ", " : " or ", value, length);
    return out;
}

const char *field_remedy(const field_t *self, char out[FIELD_REMEDY_MAX])
{
    const char *text = "";
    switch (self->type) {
    case FIELD_WHOLE:
        return s_range_remedy(self, "a whole number", "", out);
    case FIELD_NUMBER:
        return s_range_remedy(self, "a number", "", out);
    case FIELD_RATIO:
        return s_range_remedy(self, "a ratio", ", such as 0.05 or 5%", out);
    case FIELD_DURATION:
        return s_range_remedy(self, "a duration", ", such as 30ms or 10s", out);
    case FIELD_RATE:
        return s_range_remedy(self, "a rate", ", such as 100Mbit or 20MB", out);
    case FIELD_SIZE:
        return s_range_remedy(self, "a size", ", such as 64MiB", out);
    case FIELD_ENUM:
    case FIELD_FLAG:
    case FIELD_WORD:
        return s_values_remedy(self, out);
    case FIELD_MAP:
        text = "write its keys below it, indented";
        break;
    case FIELD_LIST:
        text = "write a list, each element beginning with \"- \"";
        break;
    case FIELD_BOOL:
        text = "write true or false";
        break;
    case FIELD_NAME:
        text = "write 1 to 31 letters, digits, '-' and '_'";
        break;
    case FIELD_PATH:
        text = "write a path of 1 to 255 characters";
        break;
    case FIELD_ENDPOINT:
        text = "write tcp://HOST:PORT";
        break;
    case FIELD_INSIDE:
        text = "write async, sync or ssp: S with S from 1 to 1000000";
        break;
    case FIELD_BETWEEN:
        text = "write two different regions, such as [north, south]";
        break;
    }
    snprintf(out, FIELD_REMEDY_MAX, "%s", text);
    return out;
}

/* -- suggestions ------------------------------------------------------------------------------------------
 */

#define KEY_MAX 32 /* longer ones are near to none of ours */

static size_t s_least3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance, one row at a time; two neighbours swapped count as two. */
static size_t s_distance(const char *a, const char *b)
{
    size_t row[KEY_MAX + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            row[j] = s_least3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *field_suggest(const field_t *parent, const char *key, char out[FIELD_REMEDY_MAX])
{
    const field_t *best = NULL;
    size_t best_distance = SIZE_MAX;
    snprintf(out, FIELD_REMEDY_MAX, "write one of");
    for (const field_t *field = field_next(parent, NULL); field; field = field_next(parent, field)) {
        size_t distance = strlen(key) <= KEY_MAX ? s_distance(key, field_key(field)) : SIZE_MAX;
        if (distance < best_distance && distance < strlen(field_key(field))) {
            best = field;
            best_distance = distance;
        }
        s_append(out, field == field_next(parent, NULL) ? " " : ", ", field_key(field),
                 strlen(field_key(field)));
    }
    if (best && best_distance <= 1 + strlen(key) / 2)
        snprintf(out, FIELD_REMEDY_MAX, "write %s", field_key(best));
    return out;
}
