/* Random damage to stores, archives and models: each value comes back bit for bit or is refused, and the
 * caller lives.
 *
 * CLOUDLESS_SEED chooses the damages, CLOUDLESS_DAMAGES how many there are of each kind of file. */
#include "codec/tensor/safetensors.h"
#include "store/archive.h"
#include "store/file.h"
#include "store/kv_child.h"
#include "store/kv_lmdb.h"
#include "store/statedir.h"
#include "store/statedir_latest.h"
#include "store/statedir_stores.h"
#include "store/stores.h"
#include "store/verify.h"
#include "tests/unit/store/fixture.h"
#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>

#define PAGE_BYTES 4096
#define DAMAGES 400 /* of each kind of file; five kinds of file */
#define SNAPSHOTS 3

static temp_t s_temp;
static uint64_t s_seed;

/* ---- Damages ---- */

typedef struct {
    uint8_t *bytes;
    size_t size;
} image_t;

static size_t s_page(const image_t *image, rng_t *rng)
{
    return (size_t)rng_below(rng, image->size / PAGE_BYTES + (image->size % PAGE_BYTES != 0)) * PAGE_BYTES;
}

static size_t s_page_bytes(const image_t *image, size_t at)
{
    return image->size - at < PAGE_BYTES ? image->size - at : PAGE_BYTES;
}

static void s_flip(image_t *image, rng_t *rng)
{
    size_t count = 1 + (size_t)rng_below(rng, 4);
    for (size_t i = 0; i < count; i++)
        image->bytes[rng_below(rng, image->size)] ^= (uint8_t)(1u << rng_below(rng, 8));
}

static void s_truncate(image_t *image, rng_t *rng)
{
    image->size = (size_t)rng_below(rng, image->size);
}

static void s_zero(image_t *image, rng_t *rng)
{
    size_t at = s_page(image, rng);
    memset(image->bytes + at, 0, s_page_bytes(image, at));
}

static void s_copy_page(image_t *image, size_t from, size_t to)
{
    size_t size = s_page_bytes(image, from), room = s_page_bytes(image, to);
    memmove(image->bytes + to, image->bytes + from, size < room ? size : room);
}

static void s_duplicate(image_t *image, rng_t *rng)
{
    s_copy_page(image, s_page(image, rng), s_page(image, rng));
}

static void s_swap(image_t *image, rng_t *rng)
{
    size_t a = s_page(image, rng), b = s_page(image, rng);
    uint8_t kept[PAGE_BYTES];
    size_t size = s_page_bytes(image, a);
    memcpy(kept, image->bytes + a, size);
    s_copy_page(image, b, a);
    memcpy(image->bytes + b, kept, size < s_page_bytes(image, b) ? size : s_page_bytes(image, b));
}

static const struct {
    const char *name;
    void (*apply)(image_t *image, rng_t *rng);
} s_damages[] = {{"flip", s_flip},
                 {"truncate", s_truncate},
                 {"zero", s_zero},
                 {"swap", s_swap},
                 {"duplicate", s_duplicate}};
enum { DAMAGE_KINDS = sizeof s_damages / sizeof *s_damages };

/* ---- Outcomes ---- */

typedef struct {
    uint64_t same;    /* bytes of a damage that changed nothing, or nothing that was read */
    uint64_t refused; /* at least one value was not given */
    uint64_t killed;  /* of those: a reading child died */
    uint64_t values_given;
    uint64_t values_refused;
    uint64_t wrong; /* values that were given and are not what was stored */
} outcome_t;

/* The outcome of one look at a damaged file. */
typedef struct {
    uint64_t given;
    uint64_t refused;
    uint64_t wrong;
    bool killed;
} look_t;

static void s_count(outcome_t *outcome, const look_t *look)
{
    outcome->same += !look->refused;
    outcome->refused += look->refused > 0;
    outcome->killed += look->killed;
    outcome->values_given += look->given;
    outcome->values_refused += look->refused;
    outcome->wrong += look->wrong;
}

/* ---- Running ---- */

typedef look_t look_fn(const char *path);

static image_t s_read_image(const char *path)
{
    buf_t *bytes = NULL;
    err_t err;
    cr_assert_eq(file_read(path, FILE_MAX_BYTES, &bytes, &err), ERR_OK, "%s", err.text);
    image_t image = {malloc(buf_size(bytes)), buf_size(bytes)};
    memcpy(image.bytes, buf_peek(bytes), image.size);
    buf_destroy(&bytes);
    return image;
}

static void s_write_image(const char *path, const image_t *image)
{
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(image->bytes, 1, image->size, file) == image->size && fclose(file) == 0);
}

static size_t s_damage_count(void)
{
    const char *text = getenv("CLOUDLESS_DAMAGES");
    return text ? strtoull(text, NULL, 10) : DAMAGES;
}

/* Damages `path` again and again, looks at it each time, and judges. `values`: how many an undamaged look
 * gives. */
static void s_run(const char *what, const char *path, look_fn *look, uint64_t values)
{
    outcome_t outcomes[DAMAGE_KINDS] = {0};
    image_t whole = s_read_image(path), image = {malloc(whole.size), 0};
    look_t first = look(path);
    cr_assert(first.given == values && !first.refused && !first.wrong, "%s: the undamaged file is not read",
              what);
    size_t count = s_damage_count();
    for (size_t i = 0; i < count; i++) {
        rng_t rng;
        size_t kind = i % DAMAGE_KINDS;
        rng_init_for(&rng, s_seed, what, i, kind);
        image.size = whole.size;
        memcpy(image.bytes, whole.bytes, whole.size);
        s_damages[kind].apply(&image, &rng);
        s_write_image(path, &image);
        look_t seen = look(path);
        cr_expect_eq(seen.wrong, 0, "%s: damage %zu (%s) of seed %llu passes", what, i, s_damages[kind].name,
                     (unsigned long long)s_seed);
        s_count(&outcomes[kind], &seen);
    }
    s_write_image(path, &whole);
    uint64_t refused = 0;
    for (size_t k = 0; k < DAMAGE_KINDS; k++) {
        const outcome_t *outcome = &outcomes[k];
        printf("%-12s %-9s %4llu harmless, %4llu refused (%llu killed a child); values: %llu right, %llu "
               "refused, "
               "%llu wrong\n",
               what, s_damages[k].name, (unsigned long long)outcome->same,
               (unsigned long long)outcome->refused, (unsigned long long)outcome->killed,
               (unsigned long long)outcome->values_given, (unsigned long long)outcome->values_refused,
               (unsigned long long)outcome->wrong);
        refused += outcome->refused;
    }
    fflush(stdout);
    cr_assert_gt(refused, count / 10, "%s: hardly a damage was refused: they do not reach what is read",
                 what);
    free(whole.bytes);
    free(image.bytes);
}

/* ---- Stores ---- */

/* A value as it was stored; NULL when there was none of that name. */
static buf_t *s_expected(uint64_t number, const char *name)
{
    size_t index;
    return number >= 1 && number <= SNAPSHOTS && sscanf(name, "value/%zu", &index) == 1 &&
                   index < FIXTURE_VALUES
               ? fixture_value(number, index)
               : NULL;
}

static void s_judge(look_t *look, uint64_t number, const char *name, const buf_t *got)
{
    buf_t *expected = s_expected(number, name);
    bool same = expected && buf_size(got) == buf_size(expected) &&
                memcmp(buf_peek(got), buf_peek(expected), buf_size(got)) == 0;
    look->given++;
    look->wrong += !same;
    buf_destroy(&expected);
}

static void s_judge_snapshot(look_t *look, const snapshot_t *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++)
        s_judge(look, snapshot->id.number, snapshot->values[i].name, snapshot->values[i].buf);
}

/* Every value by itself, through a child: what is whole must come also out of a damaged store. */
static look_t s_look_child(const char *path)
{
    char dir[TEMP_PATH_MAX], name[32];
    look_t look = {0};
    kv_t *kv = NULL;
    snapshot_store_t *store = NULL;
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    err_t err = {.code = ERR_OK};
    err_code_t code = kv_child_open(dir, &kv, &err);
    if (!code)
        code = snapshot_store_open(kv, &fixture_options, &store, &err);
    look.killed = code && strstr(err.text, "killed");
    for (uint64_t number = 1; number <= SNAPSHOTS; number++)
        for (size_t i = 0; i < FIXTURE_VALUES; i++) {
            buf_t *value = NULL;
            snprintf(name, sizeof name, "value/%zu", i);
            if (code || snapshot_load_value(store, number, name, &value, &err)) {
                look.refused++;
                look.killed = look.killed || strstr(err.text, "killed");
                continue;
            }
            s_judge(&look, number, name, value);
            buf_destroy(&value);
        }
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    return look;
}

/* As a shard starts: the newest store that a child could read is opened by the caller itself. */
static look_t s_look_start(const char *path)
{
    (void)path;
    look_t look = {0};
    statedir_latest_t latest;
    err_t err = {.code = ERR_OK};
    kv_t *kv = NULL;
    snapshot_store_t *store = NULL;
    snapshot_t *snapshot = NULL;
    kv_lmdb_options_t options = {.read_only = true};
    err_code_t code = statedir_shard_latest(s_temp.dir, "here", 0, &latest, &err);
    look.killed = strstr(code ? err.text : latest.why, "killed");
    if (!code)
        code = kv_lmdb_open(latest.path, &options, &kv, &err);
    if (!code)
        code = snapshot_store_open(kv, &fixture_options, &store, &err);
    if (!code)
        code = snapshot_load_newest_good(store, NULL, NULL, &snapshot, &err);
    if (!code)
        s_judge_snapshot(&look, snapshot);
    look.refused = code || (snapshot && snapshot->id.number < SNAPSHOTS) ? FIXTURE_VALUES : 0;
    snapshot_destroy(&snapshot);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    return look;
}

static void s_make_store(char ret_file[TEMP_PATH_MAX])
{
    char dir[STATEDIR_PATH_MAX];
    err_t err;
    kv_t *kv = NULL;
    cr_assert_eq(statedir_shard(s_temp.dir, "here", 0, 0x100000001, dir, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(kv_lmdb_open(dir, NULL, &kv, &err), ERR_OK, "%s", err.text);
    snapshot_store_options_t options = fixture_options;
    snapshot_store_t *store = NULL;
    options.keep = SNAPSHOTS;
    cr_assert_eq(snapshot_store_open(kv, &options, &store, &err), ERR_OK, "%s", err.text);
    for (uint64_t number = 1; number <= SNAPSHOTS; number++)
        cr_assert_eq(fixture_commit(store, number, &err), ERR_OK, "%s", err.text);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    snprintf(ret_file, TEMP_PATH_MAX, "%.400s/data.mdb", dir);
}

static void s_setup(void)
{
    temp_init(&s_temp);
    s_seed = temp_seed();
    printf("CLOUDLESS_SEED=%llu\n", (unsigned long long)s_seed);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(corruption, .init = s_setup, .fini = s_teardown, .timeout = 280);

Test(corruption, of_a_store_that_is_read_value_by_value)
{
    char file[TEMP_PATH_MAX];
    s_make_store(file);
    s_run("store", file, s_look_child, SNAPSHOTS * FIXTURE_VALUES);
}

Test(corruption, of_a_store_that_a_shard_starts_from)
{
    char file[TEMP_PATH_MAX];
    s_make_store(file);
    s_run("start", file, s_look_start, FIXTURE_VALUES);
}

/* ---- Archives ---- */

static err_code_t s_see(void *hint, const char *region, uint32_t shard, const snapshot_t *snapshot,
                        err_t *err)
{
    (void)err;
    look_t *look = hint;
    look->wrong += strcmp(region, "here") != 0 || shard + 1 != snapshot->id.number;
    s_judge_snapshot(look, snapshot);
    return ERR_OK;
}

static const char s_text[] = "job: {name: x}\n";

static err_code_t s_see_file(void *hint, const char *name, const void *data, size_t size, err_t *err)
{
    (void)err;
    look_t *look = hint;
    look->wrong +=
        strcmp(name, "topology.yaml") != 0 || size != strlen(s_text) || memcmp(data, s_text, size) != 0;
    look->given++;
    return ERR_OK;
}

static look_t s_look_archive(const char *path)
{
    look_t look = {0};
    archive_visitor_t visitor = {.hint = &look, .snapshot = s_see, .file = s_see_file};
    if (archive_read(path, &visitor, NULL))
        look.refused = SNAPSHOTS * FIXTURE_VALUES + 1 - look.given;
    return look;
}

static void s_run_archive(const char *what, const char *name)
{
    char path[TEMP_PATH_MAX];
    err_t err;
    archive_writer_t *archive = NULL;
    cr_assert_eq(archive_create(temp_path(&s_temp, name, path), false, &archive, &err), ERR_OK, "%s",
                 err.text);
    cr_assert_eq(archive_put_file(archive, "topology.yaml", s_text, strlen(s_text), &err), ERR_OK);
    for (uint32_t shard = 0; shard < SNAPSHOTS; shard++) {
        snapshot_t *snapshot = fixture_snapshot(shard + 1);
        cr_assert_eq(archive_put_snapshot(archive, "here", shard, snapshot, &err), ERR_OK, "%s", err.text);
        snapshot_destroy(&snapshot);
    }
    cr_assert_eq(archive_finish(&archive, &err), ERR_OK, "%s", err.text);
    s_run(what, path, s_look_archive, SNAPSHOTS * FIXTURE_VALUES + 1);
}

Test(corruption, of_an_archive)
{
    s_run_archive("archive zst", "a.tar.zst");
    s_run_archive("archive tar", "a.tar");
}

/* ---- Models ---- */

#define MODEL_COUNT 6000
static layout_t s_layout;
static float s_values[MODEL_COUNT], s_read_values[MODEL_COUNT];

static look_t s_look_model(const char *path)
{
    look_t look = {0};
    memset(s_read_values, 0, sizeof s_read_values);
    if (safetensors_read(path, &s_layout, s_read_values, NULL)) {
        look.refused = s_layout.tensor_count;
        return look;
    }
    for (size_t i = 0; i < s_layout.tensor_count; i++) {
        const tensor_t *tensor = &s_layout.tensors[i];
        look.given++;
        look.wrong += memcmp(s_values + tensor->offset, s_read_values + tensor->offset,
                             tensor->count * sizeof(float)) != 0;
    }
    return look;
}

Test(corruption, of_a_model)
{
    char path[TEMP_PATH_MAX];
    rng_t rng;
    rng_init_for(&rng, s_seed, "model", 0, 0);
    for (size_t i = 0; i < MODEL_COUNT; i++)
        s_values[i] = (float)rng_unit(&rng);
    cr_assert_eq(layout_add(&s_layout, "fc1.weight", 2, (size_t[]){50, 60}, NULL), ERR_OK);
    cr_assert_eq(layout_add(&s_layout, "fc2.weight", 2, (size_t[]){50, 60}, NULL),
                 ERR_OK); /* can be taken for fc1's */
    cr_assert_eq(safetensors_write(temp_path(&s_temp, "m", path), &s_layout, s_values, NULL, false, NULL),
                 ERR_OK);
    s_run("safetensors", path, s_look_model, 2);
}
