#include "actors/worker/feeder.h"

#include "tests/unit/actors/model/files.h"

#define SAMPLES 103
#define PIECE 8
#define BATCHES 5 /* per epoch: 20 or 21 samples each */

typedef struct {
    files_t files;
    dataset_t *dataset;
    job_region_t region;
    feeder_t *feeder;
} bench_t;

/* Pictures of 2 x 3 whose first pixel is the sample's number. */
static void s_write(const files_t *files)
{
    files_write_idx(files, TRAIN_LABELS, false, 1, (size_t[]){SAMPLES}, 1, 251);
    files_write_idx(files, TEST_LABELS, false, 1, (size_t[]){30}, 1, 251);
    files_write_idx(files, TEST_IMAGES, false, 3, (size_t[]){30, 2, 3}, 1, 251);
    files_write_idx(files, TRAIN_IMAGES, false, 3, (size_t[]){SAMPLES, 2, 3}, 1, 251);
}

static void s_open(bench_t *self, augment_t augment)
{
    static const double whole = 1;
    *self = (bench_t){.files = files_new()};
    s_write(&self->files);
    dataset_spec_t spec = {.kind = "idx",
                           .dir = self->files.dir,
                           .cache_dir = self->files.cache,
                           .region_shares = &whole,
                           .region_count = 1};
    cr_assert_eq(dataset_open(&spec, &self->dataset, NULL), ERR_OK);
    self->region = (job_region_t){.samples = SAMPLES,
                                  .width = 1,
                                  .batches_per_epoch = BATCHES,
                                  .batches = 3 * BATCHES,
                                  .batch_max = 21};
    feeder_spec_t feeder = {.dataset = self->dataset,
                            .region = &self->region,
                            .seed = 5,
                            .augment = augment,
                            .piece_max = PIECE,
                            .test_max = 7};
    cr_assert_eq(feeder_new(&feeder, &self->feeder, NULL), ERR_OK);
}

static void s_close(bench_t *self)
{
    feeder_destroy(&self->feeder);
    cr_assert_null(self->feeder);
    dataset_destroy(&self->dataset);
    files_destroy(&self->files);
}

/* All of one epoch, asking ahead or not; appends what comes. Returns how many values. */
static size_t s_take_epoch(bench_t *self, uint64_t epoch, bool ahead, float *ret_x, uint32_t *ret_labels)
{
    size_t count = 0;
    for (uint64_t b = epoch * BATCHES; b < (epoch + 1) * BATCHES; b++)
        for (feeder_piece_t piece = {.batch = b};;) {
            feeder_samples_t samples = feeder_take(self->feeder, &piece);
            feeder_piece_t next = {.batch = samples.last ? b + 1 : b,
                                   .from = samples.last ? 0 : piece.from + samples.count};
            if (ahead)
                feeder_ask(self->feeder, &next);
            cr_assert(samples.count > 0 && samples.count <= PIECE);
            memcpy(ret_x + count * 6, samples.x, samples.count * 6 * sizeof *ret_x);
            memcpy(ret_labels + count, samples.labels, samples.count * sizeof *ret_labels);
            count += samples.count;
            if (samples.last)
                break;
            piece = next;
        }
    return count;
}

/* Each sample once per epoch, in another order in each, whether asked for ahead or not. */
Test(feeder, an_epoch_has_every_sample_once)
{
    bench_t ahead, alone;
    float *x = calloc(4 * SAMPLES, 6 * sizeof *x);
    uint32_t labels[4][SAMPLES];
    cr_assert(x);
    s_open(&ahead, (augment_t){0}), s_open(&alone, (augment_t){0});
    for (size_t epoch = 0; epoch < 2; epoch++) {
        bool seen[SAMPLES] = {false};
        float *a = x + 2 * epoch * SAMPLES * 6, *b = a + SAMPLES * 6;
        cr_assert_eq(s_take_epoch(&ahead, epoch, true, a, labels[2 * epoch]), SAMPLES);
        cr_assert_eq(s_take_epoch(&alone, epoch, false, b, labels[2 * epoch + 1]), SAMPLES);
        cr_assert_eq(memcmp(a, b, SAMPLES * 6 * sizeof *x), 0);
        cr_assert_eq(memcmp(labels[2 * epoch], labels[2 * epoch + 1], sizeof labels[0]), 0);
        for (size_t i = 0; i < SAMPLES; i++) {
            uint32_t label = labels[2 * epoch][i];
            cr_assert(label < SAMPLES && !seen[label]);
            seen[label] = true;
            cr_assert_eq(a[i * 6], (float)(label * 6 % 251) / 255);
        }
    }
    cr_assert_neq(memcmp(labels[0], labels[2], sizeof labels[0]), 0);
    const feeder_tally_t *tally = feeder_tally(ahead.feeder);
    cr_assert_eq(tally->ahead, tally->taken - 1,
                 "all but the first were gathered, or under way, when wanted");
    cr_assert_eq(feeder_tally(alone.feeder)->ahead, 0);
    free(x);
    s_close(&ahead), s_close(&alone);
}

/* A batch that is computed again, by whomever, sees the same pictures; in the next epoch others. */
Test(feeder, pictures_change_by_epoch_and_not_by_who_computes)
{
    bench_t first, second;
    static float a[SAMPLES * 6], b[SAMPLES * 6], next[SAMPLES * 6];
    uint32_t labels[SAMPLES], others[SAMPLES];
    augment_t augment = {.shift = 1, .flip = true};
    s_open(&first, augment), s_open(&second, augment);
    s_take_epoch(&first, 0, true, a, labels);
    s_take_epoch(&second, 1, true, next, others);
    s_take_epoch(&second, 0, false, b, others);
    cr_assert(memcmp(a, b, sizeof a) == 0 && memcmp(labels, others, sizeof labels) == 0);
    s_take_epoch(&first, 1, false, b, labels);
    cr_assert_eq(memcmp(next, b, sizeof b), 0);
    size_t changed = 0;
    for (size_t i = 0; i < SAMPLES; i++)
        changed += b[i * 6] != (float)(labels[i] * 6 % 251) / 255;
    cr_assert(changed > SAMPLES / 2, "%zu", changed);
    s_close(&first), s_close(&second);
}

Test(feeder, only_pictures_are_changed)
{
    static const double whole = 1;
    dataset_t *dataset = NULL;
    feeder_t *feeder = NULL;
    dataset_spec_t spec = {.kind = "counter", .samples = 50, .region_shares = &whole, .region_count = 1};
    job_region_t region = {.samples = 50, .width = 1, .batches_per_epoch = 1, .batches = 1, .batch_max = 50};
    cr_assert_eq(dataset_open(&spec, &dataset, NULL), ERR_OK);
    feeder_spec_t wanted = {
        .dataset = dataset, .region = &region, .augment = {.shift = 9, .flip = true}, .piece_max = 50};
    cr_assert_eq(feeder_new(&wanted, &feeder, NULL), ERR_OK);
    feeder_samples_t samples = feeder_take(feeder, &(feeder_piece_t){0});
    for (size_t i = 0; i < samples.count; i++)
        cr_assert_eq(samples.x[i], (float)samples.labels[i]);
    feeder_destroy(&feeder);
    dataset_destroy(&dataset);
}

Test(feeder, what_was_not_foreseen_is_gathered_when_it_is_taken)
{
    bench_t bench;
    s_open(&bench, (augment_t){0});
    feeder_ask(bench.feeder, &(feeder_piece_t){.batch = 3});
    feeder_ask(bench.feeder, &(feeder_piece_t){.batch = 4});
    uint64_t from = 0;
    for (bool last = false; !last;) {
        feeder_samples_t samples = feeder_take(bench.feeder, &(feeder_piece_t){.test = true, .from = from});
        for (size_t i = 0; i < samples.count; i++)
            cr_assert_eq(samples.labels[i], from + i);
        from += samples.count;
        last = samples.last;
        feeder_ask(bench.feeder, &(feeder_piece_t){.test = true, .from = last ? 0 : from});
    }
    cr_assert_eq(from, 30);
    feeder_samples_t seen = feeder_peek(bench.feeder, &(feeder_piece_t){.batch = 2});
    const float *x = seen.x;
    uint64_t ahead = feeder_tally(bench.feeder)->ahead;
    feeder_samples_t taken = feeder_take(bench.feeder, &(feeder_piece_t){.batch = 2});
    cr_assert(taken.x == x && taken.count == seen.count, "what was looked at is there");
    cr_assert_eq(feeder_tally(bench.feeder)->ahead, ahead + 1);
    feeder_ask(bench.feeder, &(feeder_piece_t){.batch = 1});
    feeder_destroy(&bench.feeder); /* while something is under way */
    s_close(&bench);
}
