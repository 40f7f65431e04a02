#include "actors/model/conv_plan.h"

#include "actors/model/conv_direct.h"
#include "actors/model/onednn.h"
#include "codec/base/rng.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE 64
#define REGISTER 8          /* channels; fewer than that leave the library's registers empty */
#define CHANNELS_ENOUGH 256 /* copying a patch is nothing beside so many products with it */
#define TRIES 3
#define CLEARLY 0.9

struct conv_plan {
    conv_t conv;
    bool images_outermost;
    conv_way_t way;
    size_t group;
    size_t x_size, y_size, w_size; /* floats of an image, of its output, of the weights */
    onednn_conv_t *onednn;         /* CONV_BY_ONEDNN */

    const float *w; /* of this pass */
    float *dw;
    float *scratch;
};

static size_t s_pixels(const conv_t *conv)
{
    return conv_height(conv) * conv_width(conv);
}

static size_t s_rounded(size_t floats)
{
    return (floats * sizeof(float) + LINE - 1) / LINE * LINE;
}

/* ---- by product ---- */

static bool s_fits_always(const conv_plan_spec_t *spec)
{
    return conv_is_valid(&spec->conv);
}

/* A product leaves channels outermost: of one image alone that is either order. */
static bool s_is_turned(const conv_plan_t *self, size_t count)
{
    return self->images_outermost && count > 1;
}

static size_t s_patches(const conv_plan_t *self)
{
    return s_rounded(conv_patch_size(&self->conv, self->group));
}

static size_t s_product_scratch(const conv_plan_t *self)
{
    return s_patches(self) + (s_is_turned(self, self->group) ? s_rounded(self->group * self->y_size) : 0);
}

/* (O, count, P, Q) to (count, O, P, Q), or back. */
static void s_turn(const conv_plan_t *self, size_t count, const float *from, float *to, bool outward)
{
    size_t O = self->conv.O, plane = s_pixels(&self->conv);
    for (size_t o = 0; o < O; o++)
        for (size_t n = 0; n < count; n++) {
            size_t inner = (o * count + n) * plane, outer = (n * O + o) * plane;
            memcpy(to + (outward ? outer : inner), from + (outward ? inner : outer), plane * sizeof *to);
        }
}

static float *s_turned(const conv_plan_t *self)
{
    return (float *)((char *)self->scratch + s_patches(self));
}

static void s_product_forward(conv_plan_t *self, size_t count, const float *x, float *ret_y)
{
    float *y = s_is_turned(self, count) ? s_turned(self) : ret_y;
    conv_forward(&self->conv, count, x, self->w, self->scratch, y);
    if (y != ret_y)
        s_turn(self, count, y, ret_y, true);
}

static void s_product_backward(conv_plan_t *self, size_t count, const float *x, const float *dy,
                               float *ret_dx)
{
    if (s_is_turned(self, count)) {
        s_turn(self, count, dy, s_turned(self), false);
        dy = s_turned(self);
    }
    conv_backward(&self->conv, count, x, self->w, dy, self->scratch, self->dw, ret_dx);
}

/* ---- directly ---- */

static bool s_fits_directly(const conv_plan_spec_t *spec)
{
    return conv_direct_fits(&spec->conv) && !spec->images_outermost;
}

static size_t s_direct_scratch(const conv_plan_t *self)
{
    return s_rounded(conv_direct_scratch(&self->conv));
}

static void s_direct_begin(conv_plan_t *self)
{
    if (self->dw)
        conv_direct_begin(&self->conv, self->w, self->scratch);
}

static void s_direct_forward(conv_plan_t *self, size_t count, const float *x, float *ret_y)
{
    conv_direct_forward(&self->conv, count, x, self->w, ret_y);
}

static void s_direct_backward(conv_plan_t *self, size_t count, const float *x, const float *dy, float *ret_dx)
{
    conv_direct_backward(&self->conv, count, x, dy, self->scratch, self->dw, ret_dx);
}

/* ---- by oneDNN: made for groups of one size, so that a last one is filled up with zeros ---- */

static bool s_has_channels(const conv_plan_spec_t *spec)
{
    return spec->conv.O % REGISTER == 0 && spec->conv.O < CHANNELS_ENOUGH;
}

/* Behind the library's scratch: one group's images, or the gradient in them, and its outputs. */
static float *s_last_x(const conv_plan_t *self)
{
    return (float *)((char *)self->scratch + onednn_conv_scratch(self->onednn));
}

static float *s_last_y(const conv_plan_t *self)
{
    return (float *)((char *)s_last_x(self) + s_rounded(self->group * self->x_size));
}

static size_t s_onednn_scratch(const conv_plan_t *self)
{
    return onednn_conv_scratch(self->onednn) + s_rounded(self->group * self->x_size) +
           s_rounded(self->group * self->y_size);
}

static void s_onednn_begin(conv_plan_t *self)
{
    onednn_conv_begin(self->onednn, self->w, self->dw != NULL, self->scratch);
}

static void s_onednn_end(conv_plan_t *self)
{
    if (self->dw)
        onednn_conv_end(self->onednn, self->dw);
}

static const float *s_fill_x(const conv_plan_t *self, size_t count, const float *x)
{
    float *full = s_last_x(self);
    memcpy(full, x, count * self->x_size * sizeof *x);
    memset(full + count * self->x_size, 0, (self->group - count) * self->x_size * sizeof *x);
    return full;
}

/* Of y: what lies together, as many times, of `count` images and of a full group. */
typedef struct {
    size_t times, part, whole;
} pieces_t;

static pieces_t s_pieces(const conv_plan_t *self, size_t count)
{
    size_t image = self->images_outermost ? self->y_size : s_pixels(&self->conv);
    return (pieces_t){self->images_outermost ? 1 : self->conv.O, count * image, self->group * image};
}

static const float *s_fill_y(const conv_plan_t *self, size_t count, const float *y)
{
    pieces_t pieces = s_pieces(self, count);
    size_t part = pieces.part, whole = pieces.whole;
    float *full = s_last_y(self);
    for (size_t o = 0; o < pieces.times; o++) {
        memcpy(full + o * whole, y + o * part, part * sizeof *y);
        memset(full + o * whole + part, 0, (whole - part) * sizeof *y);
    }
    return full;
}

static void s_take_y(const conv_plan_t *self, size_t count, float *ret_y)
{
    pieces_t pieces = s_pieces(self, count);
    for (size_t o = 0; o < pieces.times; o++)
        memcpy(ret_y + o * pieces.part, s_last_y(self) + o * pieces.whole, pieces.part * sizeof *ret_y);
}

static void s_onednn_forward(conv_plan_t *self, size_t count, const float *x, float *ret_y)
{
    if (count == self->group) {
        onednn_conv_forward(self->onednn, x, ret_y);
        return;
    }
    onednn_conv_forward(self->onednn, s_fill_x(self, count, x), s_last_y(self));
    s_take_y(self, count, ret_y);
}

static void s_onednn_backward(conv_plan_t *self, size_t count, const float *x, const float *dy, float *ret_dx)
{
    if (count == self->group) {
        onednn_conv_backward(self->onednn, x, dy, ret_dx);
        return;
    }
    float *full = ret_dx ? s_last_x(self) : NULL;
    onednn_conv_backward(self->onednn, s_fill_x(self, count, x), s_fill_y(self, count, dy), full);
    if (ret_dx)
        memcpy(ret_dx, full, count * self->x_size * sizeof *ret_dx);
}

/* ---- a plan ---- */

static void s_nothing(conv_plan_t *self)
{
    (void)self;
}

/* One row per way: which shapes give hope for it, pixels of a group (so many that what is done once for it
 * is little beside the rest, so few that they stay in the cache), and its steps. */
static const struct {
    bool (*fits)(const conv_plan_spec_t *spec);
    size_t pixels;
    size_t (*scratch)(const conv_plan_t *self);
    void (*begin)(conv_plan_t *self);
    void (*forward)(conv_plan_t *self, size_t count, const float *x, float *ret_y);
    void (*backward)(conv_plan_t *self, size_t count, const float *x, const float *dy, float *ret_dx);
    void (*end)(conv_plan_t *self);
} WAYS[CONV_WAYS] = {
    [CONV_BY_PRODUCT] = {s_fits_always, 256, s_product_scratch, s_nothing, s_product_forward,
                         s_product_backward, s_nothing},
    [CONV_DIRECT] = {s_fits_directly, 1024, s_direct_scratch, s_direct_begin, s_direct_forward,
                     s_direct_backward, s_nothing},
    [CONV_BY_ONEDNN] = {s_has_channels, 512, s_onednn_scratch, s_onednn_begin, s_onednn_forward,
                        s_onednn_backward, s_onednn_end},
};

/* Groups of as many images as a batch has groups of the way's pixels: all nearly full. */
static size_t s_group(const conv_t *conv, conv_way_t way, size_t batch_max)
{
    size_t group = (WAYS[way].pixels + s_pixels(conv) - 1) / s_pixels(conv);
    size_t groups = (batch_max + group - 1) / group;
    return (batch_max + groups - 1) / groups;
}

err_code_t conv_plan_new_way(const conv_plan_spec_t *spec, size_t batch_max, conv_way_t way,
                             conv_plan_t **ret_self, err_t *err)
{
    const conv_t *conv = &spec->conv;
    CHECK(batch_max && conv_is_valid(conv));
    if (!WAYS[way].fits(spec))
        return err_set(err, ERR_NOT_FOUND, "no such convolution in this way");
    conv_plan_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a convolution");
    self->conv = *conv;
    self->images_outermost = spec->images_outermost;
    self->way = way;
    self->group = s_group(conv, way, batch_max);
    self->x_size = conv->I * conv->H * conv->W;
    self->y_size = conv_output_size(conv, 1);
    self->w_size = conv_weight_size(conv);
    err_code_t code = ERR_OK;
    if (way == CONV_BY_ONEDNN)
        code = onednn_conv_new(conv, self->group, spec->first, spec->images_outermost, &self->onednn, err);
    if (code)
        conv_plan_destroy(&self);
    else
        *ret_self = self;
    return code;
}

void conv_plan_destroy(conv_plan_t **self_p)
{
    conv_plan_t *self = *self_p;
    if (!self)
        return;
    onednn_conv_destroy(&self->onednn);
    free(self);
    *self_p = NULL;
}

conv_way_t conv_plan_way(const conv_plan_t *self)
{
    return self->way;
}

size_t conv_plan_group(const conv_plan_t *self)
{
    return self->group;
}

size_t conv_plan_scratch(const conv_plan_t *self)
{
    return WAYS[self->way].scratch(self);
}

void conv_plan_begin(conv_plan_t *self, const float *w, float *ret_dw, void *scratch)
{
    self->w = w;
    self->dw = ret_dw;
    self->scratch = scratch;
    if (ret_dw)
        memset(ret_dw, 0, self->w_size * sizeof *ret_dw);
    WAYS[self->way].begin(self);
}

void conv_plan_forward(conv_plan_t *self, size_t count, const float *x, float *ret_y)
{
    CHECK(count && count <= self->group);
    WAYS[self->way].forward(self, count, x, ret_y);
}

void conv_plan_backward(conv_plan_t *self, size_t count, const float *x, const float *dy, float *ret_dx)
{
    CHECK(count && count <= self->group && self->dw);
    WAYS[self->way].backward(self, count, x, dy, ret_dx);
}

void conv_plan_end(conv_plan_t *self)
{
    WAYS[self->way].end(self);
}

/* ---- which is fastest ---- */

/* A group of random images, and what a way makes of them. */
typedef struct {
    const conv_plan_spec_t *spec;
    size_t count, x_size, w_size, y_size;
    float *x, *w, *dy; /* given */
    float *dx, *dw, *y;
    float *block; /* all of the above */
} trial_t;

static bool s_trial_init(trial_t *self, const conv_plan_spec_t *spec)
{
    const conv_t *conv = &spec->conv;
    size_t count = conv_group(conv);
    *self = (trial_t){.spec = spec, .count = count};
    self->x_size = count * conv->I * conv->H * conv->W;
    self->w_size = conv_weight_size(conv);
    self->y_size = conv_output_size(conv, count);
    size_t given = self->x_size + self->w_size + self->y_size;
    self->block = malloc(2 * given * sizeof *self->block);
    if (!self->block)
        return false;
    self->x = self->block;
    self->w = self->x + self->x_size;
    self->dy = self->w + self->w_size;
    self->dx = self->dy + self->y_size;
    self->dw = self->dx + self->x_size;
    self->y = self->dw + self->w_size;
    rng_t rng;
    rng_init(&rng, 1);
    for (size_t i = 0; i < given; i++)
        self->block[i] = (float)(2 * rng_unit(&rng) - 1);
    return true;
}

/* Of this thread's processor, so that what others do to the machine counts little. */
static double s_now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

/* Seconds of a pass forwards and one backwards. */
static double s_run(const trial_t *self, conv_plan_t *plan, void *scratch)
{
    double start = s_now();
    conv_plan_begin(plan, self->w, NULL, scratch);
    conv_plan_forward(plan, self->count, self->x, self->y);
    conv_plan_end(plan);
    conv_plan_begin(plan, self->w, self->dw, scratch);
    conv_plan_backward(plan, self->count, self->x, self->dy, self->spec->first ? NULL : self->dx);
    conv_plan_end(plan);
    return s_now() - start;
}

/* The least time of some tries; infinite where this way cannot. */
static double s_time(const trial_t *self, conv_way_t way)
{
    conv_plan_t *plan = NULL;
    double least = INFINITY;
    if (conv_plan_new_way(self->spec, self->count, way, &plan, NULL))
        return least;
    void *scratch = aligned_alloc(LINE, conv_plan_scratch(plan));
    for (int i = 0; scratch && i < TRIES; i++)
        least = fmin(least, s_run(self, plan, scratch));
    free(scratch);
    conv_plan_destroy(&plan);
    return least;
}

/* Rounding of a sum of so many products of numbers below 1, with a wide margin. */
static bool s_near(size_t n, const float *is, const float *should, size_t terms)
{
    double most = 1e-6 * (double)terms + 1e-5;
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)is[i] - (double)should[i]) <= most)) /* so that NaN is not near */
            return false;
    return true;
}

static bool s_agree(const trial_t *is, const trial_t *should)
{
    const conv_t *conv = &is->spec->conv;
    size_t area = conv->K * conv->K;
    return s_near(is->y_size, is->y, should->y, area * conv->I) &&
           (is->spec->first || s_near(is->x_size, is->dx, should->dx, area * conv->O)) &&
           s_near(is->w_size, is->dw, should->dw, is->count * s_pixels(conv));
}

static conv_way_t s_fastest(const trial_t *product, const trial_t *other)
{
    conv_way_t best = CONV_BY_PRODUCT;
    double least = CLEARLY * s_time(product, CONV_BY_PRODUCT);
    for (conv_way_t way = CONV_BY_PRODUCT + 1; way < CONV_WAYS; way++) {
        double took = s_time(other, way);
        if (took >= least || !s_agree(other, product))
            continue;
        least = took;
        best = way;
    }
    return best;
}

static conv_way_t s_measure(const conv_plan_spec_t *spec)
{
    trial_t product = {0}, other = {0};
    conv_way_t way = CONV_BY_PRODUCT;
    if (s_trial_init(&product, spec) && s_trial_init(&other, spec))
        way = s_fastest(&product, &other);
    free(product.block);
    free(other.block);
    return way;
}

/* Shapes that were measured: each once per process. */
#define KNOWN_MAX 64
static struct {
    conv_plan_spec_t spec;
    conv_way_t way;
} s_known[KNOWN_MAX];
static size_t s_known_count;
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;

static bool s_has_choice(const conv_plan_spec_t *spec)
{
    size_t ways = 0;
    for (conv_way_t way = 0; way < CONV_WAYS; way++)
        ways += WAYS[way].fits(spec);
    return ways > 1;
}

static bool s_is_same(const conv_plan_spec_t *a, const conv_plan_spec_t *b)
{
    return a->first == b->first && a->images_outermost == b->images_outermost &&
           !memcmp(&a->conv, &b->conv, sizeof a->conv);
}

static conv_way_t s_choose(const conv_plan_spec_t *spec)
{
    size_t i = 0;
    if (!s_has_choice(spec))
        return CONV_BY_PRODUCT;
    pthread_mutex_lock(&s_lock);
    while (i < s_known_count && !s_is_same(&s_known[i].spec, spec))
        i++;
    conv_way_t way = i < s_known_count ? s_known[i].way : s_measure(spec);
    if (i == s_known_count && i < KNOWN_MAX) {
        s_known[i].spec = *spec;
        s_known[s_known_count++].way = way;
    }
    pthread_mutex_unlock(&s_lock);
    return way;
}

bool conv_plan_has_chosen(conv_way_t way)
{
    bool has = false;
    pthread_mutex_lock(&s_lock);
    for (size_t i = 0; i < s_known_count; i++)
        has = has || s_known[i].way == way;
    pthread_mutex_unlock(&s_lock);
    return has;
}

err_code_t conv_plan_new(const conv_plan_spec_t *spec, size_t batch_max, conv_plan_t **ret_self, err_t *err)
{
    conv_way_t way = s_choose(spec);
    err_code_t code = conv_plan_new_way(spec, batch_max, way, ret_self, err);
    return code == ERR_NOT_FOUND ? conv_plan_new_way(spec, batch_max, CONV_BY_PRODUCT, ret_self, err) : code;
}
