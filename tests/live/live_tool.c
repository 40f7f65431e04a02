/* live_tool - reads what the binary wrote, for the scripts beside it.
 *
 *   live_tool counters FILE SAMPLES EPOCHS   whether each counter says how often its samples had to be used
 *   live_tool json FILE PATH                 prints a value: regions[1].samples
 *   live_tool pid STATE NAME                 prints the process of an actor or of a part of
 *                                            `up`, as its status says
 *   live_tool ports N                        prints N tcp ports that are free on 127.0.0.1
 *   live_tool damage STATE REGION SHARD      spoils the newest snapshot of a shard
 *   live_tool marks STATE SHARDS REGION...   prints the common points that all shards have
 *   live_tool restore STATE TAG SHARDS REGION...   takes all shards back to one of them
 *   live_tool mark STATE NAME                stores the newest snapshot of every shard
 *                                            again, as a common point
 *   live_tool images DIR TRAIN TEST          writes four idx files: ten kinds of noisy images
 *                                            that can be told apart
 */
#include "actors/model/model.h"
#include "codec/base/json.h"
#include "codec/base/rng.h"
#include "codec/tensor/safetensors.h"
#include "store/kv_lmdb.h"
#include "store/snapshot.h"
#include "store/statedir.h"
#include "store/statedir_latest.h"
#include "tests/live/live_marks.h"
#include "store/stores.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 28, KINDS = 10 };

/* How many of the numbers below `samples` are counted by counter `index` of `count`. */
static double s_expected(unsigned long samples, size_t index, size_t count)
{
    return (double)(samples / count + (index < samples % count));
}

static int s_counters(const char *path, unsigned long samples, unsigned long epochs)
{
    static layout_t layout;
    err_t err = {0};
    if (model_layout_of(&(model_spec_t){.name = "ledger"}, &layout, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    float *values = calloc(layout.count, sizeof *values);
    if (!values || safetensors_read(path, &layout, values, &err)) {
        fprintf(stderr, "%s\n", err.text);
        free(values);
        return 1;
    }
    size_t wrong = 0;
    for (size_t i = 0; i < layout.count; i++) {
        double expected = s_expected(samples, i, layout.count) * (double)epochs;
        if (fabs((double)values[i] - expected) < 0.5)
            continue;
        if (!wrong++)
            fprintf(stderr, "%s: counter %zu is %g, not %g\n", path, i, (double)values[i], expected);
    }
    free(values);
    fprintf(stderr, "%s: %zu of %zu counters wrong\n", path, wrong, layout.count);
    return wrong > 0;
}

/* Follows one step of a path: "regions[1]", "samples" or "[0]" of a list; returns what is behind it. */
static const json_value_t *s_step(const json_value_t *value, char *step)
{
    char *bracket = strchr(step, '[');
    size_t index = 0;
    if (bracket) {
        index = strtoul(bracket + 1, NULL, 10);
        *bracket = '\0';
    }
    const json_value_t *found = *step ? json_get(value, step) : value;
    return found && bracket ? json_at(found, index) : found;
}

static int s_json(const char *path, char *where)
{
    json_value_t *document = NULL;
    err_t err = {0};
    if (json_read_file(path, &document, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const json_value_t *value = document;
    char *last = strrchr(where, '.');
    if (last)
        *last++ = '\0';
    for (char *step = last ? strtok(where, ".") : NULL; step && value; step = strtok(NULL, "."))
        value = s_step(value, step);
    const char *key = last ? last : where;
    const json_value_t *found = value ? json_get(value, key) : NULL;
    if (found) {
        const char *text = json_get_string(value, key, NULL);
        if (text)
            printf("%s\n", text);
        else if (isfinite(json_get_number(value, key, NAN)))
            printf("%.17g\n", json_get_number(value, key, NAN));
        else if (json_count(found))
            printf("%zu\n", json_count(found));
        else
            printf("%s\n", json_get_bool(value, key, false) ? "true" : "false");
    } else {
        fprintf(stderr, "%s: no %s\n", path, key);
    }
    json_destroy(&document);
    return !found;
}

/* In one of the lists of status.json; 0 when it is not there or does not run. */
static unsigned long long s_pid_in(const json_value_t *document, const char *list, const char *name)
{
    const json_value_t *rows = json_get(document, list);
    for (size_t i = 0; i < json_count(rows); i++)
        if (!strcmp(json_get_string(json_at(rows, i), "name", ""), name))
            return (unsigned long long)json_get_u64(json_at(rows, i), "pid", 0);
    return 0;
}

static int s_pid(const char *state, const char *name)
{
    char path[4096];
    json_value_t *document = NULL;
    snprintf(path, sizeof path, "%s/status.json", state);
    if (json_read_file(path, &document, NULL))
        return 1;
    unsigned long long pid = s_pid_in(document, "actors", name);
    if (!pid)
        pid = s_pid_in(document, "processes", name);
    if (pid)
        printf("%llu\n", pid);
    json_destroy(&document);
    return pid == 0;
}

static void s_put_u32(FILE *out, unsigned long value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        fputc((int)(value >> shift & 255), out);
}

static FILE *s_open(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return fopen(path, "wb");
}

/* Each kind has a bar at a place of its own, under noise. */
static int s_pixel(rng_t *rng, unsigned long kind, int row)
{
    int bar = row / 2 == (int)kind + 2 ? 150 : 0;
    return bar + (int)rng_below(rng, 100);
}

static int s_write_pair(const char *dir, const char *images_name, const char *labels_name,
                        unsigned long count, rng_t *rng)
{
    FILE *images = s_open(dir, images_name), *labels = s_open(dir, labels_name);
    if (!images || !labels)
        return 1;
    s_put_u32(images, 0x803);
    s_put_u32(images, count);
    s_put_u32(images, SIDE);
    s_put_u32(images, SIDE);
    s_put_u32(labels, 0x801);
    s_put_u32(labels, count);
    for (unsigned long i = 0; i < count; i++) {
        unsigned long kind = rng_below(rng, KINDS);
        fputc((int)kind, labels);
        for (int at = 0; at < SIDE * SIDE; at++)
            fputc(s_pixel(rng, kind, at / SIDE), images);
    }
    return fclose(images) | fclose(labels);
}

static int s_images(const char *dir, unsigned long train, unsigned long test)
{
    rng_t rng;
    rng_init(&rng, 1);
    mkdir(dir, 0700);
    return s_write_pair(dir, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", train, &rng) ||
           s_write_pair(dir, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", test, &rng);
}

/* All are held at once, so that they differ. */
static int s_ports(int count)
{
    for (int i = 0; i < count; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) ||
            getsockname(fd, (struct sockaddr *)&address, &size))
            return 1;
        printf("%d%c", ntohs(address.sin_port), i + 1 < count ? ' ' : '\n');
    }
    return 0;
}

/* Other bytes in place of the last manifest: the snapshot can no longer be read. */
static int s_damage(const char *state, const char *region, unsigned long shard)
{
    statedir_latest_t latest;
    kv_t *kv = NULL;
    kv_keys_t keys = {0};
    err_t err = {0};
    err_code_t rc = statedir_shard_latest(state, region, (uint32_t)shard, &latest, &err);
    if (!rc)
        rc = kv_lmdb_open(latest.path, NULL, &kv, &err);
    if (!rc)
        rc = kv_keys(kv, "m/", &keys, &err);
    if (!rc && keys.count < 2)
        rc = err_set(&err, ERR_NOT_FOUND, "%s has %zu snapshots", latest.path, keys.count);
    if (!rc)
        rc = kv_store(kv, keys.items[keys.count - 1].key, "?", 1, &err);
    kv_keys_fini(&keys);
    kv_destroy(&kv);
    if (rc)
        fprintf(stderr, "%s\n", err.text);
    return rc != ERR_OK;
}

/* One value of a snapshot becomes one that nobody can have computed; in a buffer of its own, as a stored one
 * is not written again. */
static void s_spoil(snapshot_t *snapshot)
{
    float none = NAN;
    for (size_t i = 0; i < snapshot->count; i++) {
        if (strcmp(snapshot->values[i].name, "parameters") != 0)
            continue;
        buf_t *spoilt = buf_new_copy(buf_peek(snapshot->values[i].buf), buf_size(snapshot->values[i].buf));
        memcpy(buf_data(spoilt), &none, sizeof none);
        buf_destroy(&snapshot->values[i].buf);
        snapshot->values[i].buf = spoilt;
    }
}

/* Stores the newest once more: under that name, or without one (NULL) and spoilt. */
static err_code_t s_mark_store(const char *state, const store_place_t *place, const char *name, err_t *err)
{
    char path[STATEDIR_PATH_MAX];
    kv_t *kv = NULL;
    snapshot_store_t *store = NULL;
    snapshot_t *snapshot = NULL;
    snapshot_store_options_t options = {.keep = 100};
    err_code_t rc = stores_path(state, place, path, err);
    if (!rc)
        rc = kv_lmdb_open(path, NULL, &kv, err);
    if (!rc)
        rc = snapshot_store_open(kv, &options, &store, err);
    if (!rc)
        rc = snapshot_load_newest_good(store, NULL, NULL, &snapshot, err);
    if (!rc) {
        snapshot->id.number++;
        snprintf(snapshot->id.tag, sizeof snapshot->id.tag, "%s%s", name ? "mark/" : "", name ? name : "end");
        if (!name)
            s_spoil(snapshot);
        rc = snapshot_commit(store, snapshot, err);
    }
    snapshot_destroy(&snapshot);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc; /* an incarnation that has stored nothing */
}

/* Of a run that was stopped: the newest of all shards belong together. */
static int s_mark(const char *state, const char *name)
{
    stores_t places = {0};
    err_t err = {0};
    err_code_t rc = stores_find(state, &places, &err);
    for (size_t i = 0; i < places.count && !rc; i++) {
        const store_place_t *place = &places.items[i], *next = place + 1;
        bool newest = i + 1 == places.count || next->kind != place->kind || next->shard != place->shard ||
                      strcmp(next->region, place->region) != 0;
        if (place->kind == STORE_SHARD && newest)
            rc = s_mark_store(state, place, name, &err);
    }
    stores_fini(&places);
    if (rc)
        fprintf(stderr, "%s\n", err.text);
    return rc != ERR_OK;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "notfinite"))
        return s_mark(argv[2], NULL);
    if (argc == 4 && !strcmp(argv[1], "mark"))
        return s_mark(argv[2], argv[3]);
    if (argc == 5 && !strcmp(argv[1], "counters"))
        return s_counters(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    if (argc == 4 && !strcmp(argv[1], "json"))
        return s_json(argv[2], argv[3]);
    if (argc == 4 && !strcmp(argv[1], "pid"))
        return s_pid(argv[2], argv[3]);
    if (argc == 3 && !strcmp(argv[1], "ports"))
        return s_ports(atoi(argv[2]));
    if (argc == 5 && !strcmp(argv[1], "damage"))
        return s_damage(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    if (argc == 5 && !strcmp(argv[1], "images"))
        return s_images(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    if (argc >= 5 && !strcmp(argv[1], "marks"))
        return live_marks_print(argv[2], (unsigned)atoi(argv[3]), argv + 4, (size_t)argc - 4);
    if (argc >= 6 && !strcmp(argv[1], "restore"))
        return live_marks_restore(argv[2], argv[3], (unsigned)atoi(argv[4]), argv + 5, (size_t)argc - 5);
    fprintf(stderr, "usage: live_tool counters FILE SAMPLES EPOCHS | json FILE PATH | pid STATE NAME | ports "
                    "N | damage STATE "
                    "REGION SHARD | mark STATE NAME | marks STATE SHARDS REGION... | restore STATE TAG "
                    "SHARDS REGION... | "
                    "images DIR TRAIN TEST\n");
    return 2;
}
