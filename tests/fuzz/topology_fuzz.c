/* Whatever bytes a topology file and a --set have, there is a topology or one line of error - never a crash.
 *
 * The bytes before the first zero are the file, those behind it one --set. With libFuzzer (clang,
 * -fsanitize=fuzzer and -DCLOUDLESS_LIBFUZZER) LLVMFuzzerTestOneInput is driven by it; otherwise main tries
 * seeded mutations of the shipped topologies: topology_fuzz [RUNS [SEED]].
 */
#include "brokers/job.h"
#include "brokers/topology.h"
#include "codec/base/rng.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *s_print(const topology_t *topology)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out);
    topology_print(topology, out);
    CHECK(fclose(out) == 0);
    return text;
}

/* An accepted topology prints, reads back to the same, and has an arithmetic. */
static void s_check_accepted(const topology_t *topology)
{
    char *text = s_print(topology);
    topology_t *back = NULL;
    err_t err = {0};
    if (topology_parse("printed", text, strlen(text), NULL, 0, &back, &err)) {
        fprintf(stderr, "printed but not read back: %s\n%s", err.text, text);
        abort();
    }
    char *again = s_print(back);
    char digest[17], digest_back[17];
    topology_digest(topology, digest);
    topology_digest(back, digest_back);
    CHECK(strcmp(text, again) == 0 && strcmp(digest, digest_back) == 0);
    job_t job;
    if (job_derive(topology, 60000, &job, &err) == ERR_OK)
        for (size_t i = 0; i < job.region_count; i++)
            CHECK(job_samples_below(&job.regions[i], job.regions[i].batches) ==
                  job.regions[i].samples * job.epochs);
    free(text);
    free(again);
    topology_destroy(&back);
}

static void s_check_refused(err_code_t code, const err_t *err)
{
    CHECK(code == ERR_CONFIG && err->code == code && err->text[0] != '\0');
    for (const char *at = err->text; *at; at++)
        CHECK((unsigned char)*at >= ' ' && *at != 127);
}

static uint64_t s_accepted;

static void s_try(const char *text, size_t size, const char *set)
{
    topology_t *topology = NULL;
    err_t err = {0};
    err_code_t code = topology_parse("fuzz.yaml", text, size, &set, set ? 1 : 0, &topology, &err);
    if (code) {
        s_check_refused(code, &err);
    } else {
        s_accepted++;
        s_check_accepted(topology);
    }
    topology_destroy(&topology);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *zero = size ? memchr(data, 0, size) : NULL;
    char *set = zero ? strndup(zero + 1, size - (size_t)(zero + 1 - text)) : NULL;
    s_try(text, zero ? (size_t)(zero - text) : size, set);
    free(set);
    return 0;
}

#ifndef CLOUDLESS_LIBFUZZER

#define TEXT_MAX 16384

static const char *const s_pieces[] = {
    "regions",    "links:",      "- ",
    "{",          "}",           "[",
    "]",          ": ",          "\n",
    "\"",         "'",           "&a ",
    "*a",         "!!int ",      "---\n",
    "~",          "0",           "-1",
    "1e999",      "4294967296",  "nan",
    "30ms",       "100%",        "ssp: 3",
    "\t",         "\xff",        "\x01",
    "#",          "|\n  x",      "counter",
    "ledger",     "sync",        "security: none\n",
    "tcp://*:",   "ssgd",        "name: a",
    "workers: 2", "shards: 2\n", "? ",
};

static const char *const s_sets[] = {
    "job.epochs=2",          "job.sync.inside={ssp: 2}",
    "regions[0].workers=9",  "links[0].between=[a, b]",
    "regions[x].name=y",     "security=none",
    "job.data={}",           "regions[0].broker.bind=tcp://*:1",
    "checkpoint.keep=0",     "links=[]",
    "regions[1]=",           "job.model=ledger",
    "job.model.hidden=[3]",  "job.model.input=[1, 2, 3]",
    "job.model.hidden[1]=9", "job.model={name: mlp, classes: 3}",
};

typedef struct {
    char text[TEXT_MAX];
    size_t size;
} sample_t;

static void s_load(const char *name, sample_t *ret)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/deploy/topologies/%s.yaml", SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    ret->size = fread(ret->text, 1, TEXT_MAX / 2, file);
    fclose(file);
}

static void s_cut(sample_t *sample, size_t at, size_t length)
{
    length = length > sample->size - at ? sample->size - at : length;
    memmove(sample->text + at, sample->text + at + length, sample->size - at - length);
    sample->size -= length;
}

static void s_insert(sample_t *sample, size_t at, const char *bytes, size_t length)
{
    if (sample->size + length > TEXT_MAX)
        return;
    memmove(sample->text + at + length, sample->text + at, sample->size - at);
    memcpy(sample->text + at, bytes, length);
    sample->size += length;
}

static void s_mutate(sample_t *sample, rng_t *rng)
{
    size_t at = rng_below(rng, sample->size + 1);
    const char *piece = s_pieces[rng_below(rng, sizeof s_pieces / sizeof *s_pieces)];
    char copy[64];
    size_t length = rng_below(rng, sizeof copy);
    switch (rng_below(rng, 5)) {
    case 0: /* another byte */
        if (at < sample->size)
            sample->text[at] = (char)rng_below(rng, 256);
        break;
    case 1:
        s_cut(sample, at, 1 + rng_below(rng, 30));
        break;
    case 2: /* a part once more, elsewhere */
        length = length > sample->size - at ? sample->size - at : length;
        memcpy(copy, sample->text + at, length);
        s_insert(sample, rng_below(rng, sample->size + 1), copy, length);
        break;
    case 3: /* a digit */
        for (; at < sample->size; at++)
            if (sample->text[at] >= '0' && sample->text[at] <= '9') {
                sample->text[at] = (char)('0' + rng_below(rng, 10));
                break;
            }
        break;
    default:
        s_insert(sample, at, piece, strlen(piece));
        break;
    }
}

/* Behind a zero a --set, as it is or with one byte changed; or nothing. */
static void s_append_set(sample_t *sample, rng_t *rng)
{
    char set[64] = "";
    if (rng_below(rng, 2))
        return;
    snprintf(set + 1, sizeof set - 1, "%s", s_sets[rng_below(rng, sizeof s_sets / sizeof *s_sets)]);
    if (rng_below(rng, 2))
        set[1 + rng_below(rng, strlen(set + 1))] = (char)(1 + rng_below(rng, 255));
    s_insert(sample, sample->size, set, 1 + strlen(set + 1));
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"two-regions", "ledger", "one-room"};
    static sample_t shipped[3], sample;
    const char *environment = getenv("CLOUDLESS_SEED");
    uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : 1500;
    uint64_t seed = argc > 2      ? strtoull(argv[2], NULL, 10)
                    : environment ? strtoull(environment, NULL, 10)
                                  : 1;
    printf("topology_fuzz: %llu runs, CLOUDLESS_SEED=%llu\n", (unsigned long long)runs,
           (unsigned long long)seed);
    for (size_t i = 0; i < 3; i++)
        s_load(names[i], &shipped[i]);
    rng_t rng;
    rng_init(&rng, seed);
    for (uint64_t run = 0; run < runs; run++) {
        sample = shipped[rng_below(&rng, 3)];
        for (uint64_t changes = rng_below(&rng, 6); changes > 0; changes--)
            s_mutate(&sample, &rng);
        s_append_set(&sample, &rng);
        LLVMFuzzerTestOneInput((const uint8_t *)sample.text, sample.size);
    }
    printf("topology_fuzz: %llu accepted, %llu refused, none crashed\n", (unsigned long long)s_accepted,
           (unsigned long long)(runs - s_accepted));
    /* Were all refused, or none, the mutations would not be testing anything. */
    return runs < 100 || (s_accepted > 0 && s_accepted < runs) ? 0 : 1;
}

#endif
