#include "actors/model/onednn.h"

#include "actors/model/vector.h"

#include <dlfcn.h>
#include <dnnl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libdnnl.so.2"
#define THREADS_VARIABLE "OMP_NUM_THREADS" /* read by its OpenMP when that is loaded */
#define LINE 64

/* ---- the library ---- */

#define FUNCTIONS(X)                                                                                         \
    X(version)                                                                                               \
    X(engine_create)                                                                                         \
    X(stream_create)                                                                                         \
    X(stream_destroy)                                                                                        \
    X(memory_desc_init_by_strides)                                                                           \
    X(memory_desc_init_by_tag)                                                                               \
    X(memory_desc_equal)                                                                                     \
    X(memory_desc_get_size)                                                                                  \
    X(memory_create)                                                                                         \
    X(memory_destroy)                                                                                        \
    X(memory_set_data_handle)                                                                                \
    X(primitive_attr_create)                                                                                 \
    X(primitive_attr_destroy)                                                                                \
    X(primitive_attr_set_scratchpad_mode)                                                                    \
    X(primitive_attr_set_post_ops)                                                                           \
    X(post_ops_create)                                                                                       \
    X(post_ops_destroy)                                                                                      \
    X(post_ops_append_sum)                                                                                   \
    X(convolution_forward_desc_init)                                                                         \
    X(convolution_backward_data_desc_init)                                                                   \
    X(convolution_backward_weights_desc_init)                                                                \
    X(primitive_desc_create)                                                                                 \
    X(primitive_desc_destroy)                                                                                \
    X(primitive_desc_query)                                                                                  \
    X(primitive_desc_query_md)                                                                               \
    X(reorder_primitive_desc_create)                                                                         \
    X(primitive_create)                                                                                      \
    X(primitive_destroy)                                                                                     \
    X(primitive_execute)

/* The library's, for a process has it once. */
static struct {
#define FIELD(name) __typeof__(dnnl_##name) *name;
    FUNCTIONS(FIELD)
#undef FIELD
} s_dnnl;

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static dnnl_engine_t s_engine;
static err_t s_err;

static err_code_t s_find_functions(void *library)
{
    static const struct {
        const char *name;
        void *place;
    } wanted[] = {
#define ROW(name) {"dnnl_" #name, &s_dnnl.name},
        FUNCTIONS(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *(void **)wanted[i].place = dlsym(library, wanted[i].name); /* as POSIX says */
        if (!*(void **)wanted[i].place)
            return err_set(&s_err, ERR_NOT_FOUND, LIBRARY " has no %s; install oneDNN 2 (Debian: libdnnl2)",
                           wanted[i].name);
    }
    return ERR_OK;
}

/* Its OpenMP would start a thread per core for every worker: it is told to have one, and what the variable
 * was before stays for others. */
static void *s_load(void)
{
    const char *before = getenv(THREADS_VARIABLE);
    char *kept = before ? strdup(before) : NULL;
    setenv(THREADS_VARIABLE, "1", 1);
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (kept)
        setenv(THREADS_VARIABLE, kept, 1);
    else
        unsetenv(THREADS_VARIABLE);
    free(kept);
    return library;
}

static void s_open_once(void)
{
    void *library = s_load();
    if (!library)
        (void)err_set(&s_err, ERR_NOT_FOUND, "%s; install oneDNN (Debian: libdnnl2)", dlerror());
    else if (!s_find_functions(library) && s_dnnl.engine_create(&s_engine, dnnl_cpu, 0) != dnnl_success)
        (void)err_set(&s_err, ERR_NOT_FOUND, "oneDNN has no engine for this processor");
}

err_code_t onednn_open(err_t *err)
{
    pthread_once(&s_once, s_open_once);
    return s_err.code ? err_set(err, s_err.code, "%s", s_err.text) : ERR_OK;
}

const char *onednn_version(char *text, size_t size)
{
    err_t err;
    if (onednn_open(&err)) {
        snprintf(text, size, "%s", err.text);
        return text;
    }
    const dnnl_version_t *version = s_dnnl.version();
    snprintf(text, size, "%d.%d.%d", version->major, version->minor, version->patch);
    return text;
}

/* ---- what goes in and comes out ---- */

/* Numbers outside, in our order, and inside, in the library's; the same where both agree. */
typedef struct {
    dnnl_memory_t outside, inside;
    dnnl_primitive_t reorder; /* NULL: they agree */
    size_t inside_bytes;
} port_t;

typedef enum { PORT_X, PORT_W, PORT_Y, PORT_DX, PORT_W_BACK, PORT_DY, PORT_DW, PORTS } port_name_t;

struct onednn_conv {
    dnnl_stream_t stream;
    dnnl_primitive_t forward, backward_data, backward_weights;
    port_t ports[PORTS];
    dnnl_memory_t scratchpad;
    size_t scratchpad_bytes;
    size_t places[PORTS], sum_place, scratchpad_place; /* in the scratch */
    size_t scratch_bytes;
    char *scratch; /* of this pass */
    size_t summed; /* calls of this pass whose gradients are summed */
};

static err_code_t s_refused(err_t *err, dnnl_status_t status)
{
    return err_set(err, status == dnnl_out_of_memory ? ERR_MEMORY : ERR_NOT_FOUND,
                   "oneDNN has nothing for such a convolution here (status %d)", status);
}

/* Runs a step of a ladder; the first that fails ends it. */
#define TRY(call)                                                                                            \
    do {                                                                                                     \
        dnnl_status_t s_status = (call);                                                                     \
        if (s_status != dnnl_success)                                                                        \
            return s_status;                                                                                 \
    } while (0)

typedef struct {
    dnnl_memory_desc_t x, w, y;             /* in our order */
    dnnl_memory_desc_t any_x, any_w, any_y; /* whatever the library likes */
    dnnl_dims_t strides, pads;
} shapes_t;

static dnnl_status_t s_describe(const conv_t *c, size_t count, bool images_outermost, shapes_t *ret)
{
    int64_t N = (int64_t)count, I = (int64_t)c->I, H = (int64_t)c->H, W = (int64_t)c->W, K = (int64_t)c->K;
    int64_t O = (int64_t)c->O, P = (int64_t)conv_height(c), Q = (int64_t)conv_width(c);
    dnnl_dims_t x = {N, I, H, W}, w = {O, I, K, K}, y = {N, O, P, Q}, y_steps = {P * Q, N * P * Q, Q, 1};
    if (images_outermost)
        y_steps[0] = O * P * Q, y_steps[1] = P * Q;
    for (int i = 0; i < 2; i++) {
        ret->strides[i] = (int64_t)c->stride;
        ret->pads[i] = (int64_t)c->pad;
    }
    TRY(s_dnnl.memory_desc_init_by_tag(&ret->x, 4, x, dnnl_f32, dnnl_nchw));
    TRY(s_dnnl.memory_desc_init_by_tag(&ret->w, 4, w, dnnl_f32, dnnl_oihw));
    TRY(s_dnnl.memory_desc_init_by_strides(&ret->y, 4, y, dnnl_f32, y_steps));
    TRY(s_dnnl.memory_desc_init_by_tag(&ret->any_x, 4, x, dnnl_f32, dnnl_format_tag_any));
    TRY(s_dnnl.memory_desc_init_by_tag(&ret->any_w, 4, w, dnnl_f32, dnnl_format_tag_any));
    return s_dnnl.memory_desc_init_by_tag(&ret->any_y, 4, y, dnnl_f32, dnnl_format_tag_any);
}

/* Makes the primitive of a description and the ports that only it has. */
typedef struct {
    const_dnnl_op_desc_t description;
    const_dnnl_primitive_desc_t hint;
    dnnl_primitive_t *ret_primitive;
    dnnl_primitive_desc_t *ret_chosen; /* the caller destroys it */
} want_t;

/* Code that is no faster than ours: plain loops, and patches with a product. */
static bool s_is_slow(const_dnnl_primitive_desc_t chosen)
{
    const char *name = "";
    return s_dnnl.primitive_desc_query(chosen, dnnl_query_impl_info_str, 0, &name) != dnnl_success ||
           strstr(name, "ref") || strstr(name, "gemm");
}

static dnnl_status_t s_make(onednn_conv_t *self, const_dnnl_primitive_attr_t attr, const want_t *want)
{
    TRY(s_dnnl.primitive_desc_create(want->ret_chosen, want->description, attr, s_engine, want->hint));
    if (s_is_slow(*want->ret_chosen))
        return dnnl_unimplemented; /* as where the library has none: another way is taken */
    size_t bytes = s_dnnl.memory_desc_get_size(
        s_dnnl.primitive_desc_query_md(*want->ret_chosen, dnnl_query_scratchpad_md, 0));
    self->scratchpad_bytes = bytes > self->scratchpad_bytes ? bytes : self->scratchpad_bytes;
    return s_dnnl.primitive_create(want->ret_primitive, *want->ret_chosen);
}

/* Inward, or outward, where what is inside is added to what is outside when `adds`. */
static dnnl_status_t s_connect(port_t *port, const dnnl_memory_desc_t *outside,
                               const dnnl_memory_desc_t *inside, bool outward,
                               const_dnnl_primitive_attr_t attr)
{
    TRY(s_dnnl.memory_create(&port->outside, outside, s_engine, DNNL_MEMORY_NONE));
    TRY(s_dnnl.memory_create(&port->inside, inside, s_engine, DNNL_MEMORY_NONE));
    if (!attr && s_dnnl.memory_desc_equal(outside, inside))
        return dnnl_success;
    dnnl_primitive_desc_t chosen;
    TRY(s_dnnl.reorder_primitive_desc_create(&chosen, outward ? inside : outside, s_engine,
                                             outward ? outside : inside, s_engine, attr));
    dnnl_status_t status = s_dnnl.primitive_create(&port->reorder, chosen);
    s_dnnl.primitive_desc_destroy(chosen);
    port->inside_bytes = s_dnnl.memory_desc_get_size(inside);
    return status;
}

static const dnnl_memory_desc_t *s_order(const_dnnl_primitive_desc_t chosen, dnnl_query_t what)
{
    return s_dnnl.primitive_desc_query_md(chosen, what, 0);
}

enum { FORWARD, DATA, WEIGHTS, KINDS };

static dnnl_status_t s_make_forward(onednn_conv_t *self, const shapes_t *s, const_dnnl_primitive_attr_t attr,
                                    dnnl_primitive_desc_t chosen[KINDS])
{
    dnnl_convolution_desc_t d;
    TRY(s_dnnl.convolution_forward_desc_init(&d, dnnl_forward_training, dnnl_convolution_direct, &s->any_x,
                                             &s->any_w, NULL, &s->any_y, s->strides, s->pads, s->pads));
    TRY(s_make(self, attr, &(want_t){&d, NULL, &self->forward, &chosen[FORWARD]}));
    const_dnnl_primitive_desc_t is = chosen[FORWARD];
    TRY(s_connect(&self->ports[PORT_X], &s->x, s_order(is, dnnl_query_src_md), false, NULL));
    TRY(s_connect(&self->ports[PORT_W], &s->w, s_order(is, dnnl_query_weights_md), false, NULL));
    return s_connect(&self->ports[PORT_Y], &s->y, s_order(is, dnnl_query_dst_md), true, NULL);
}

/* Both gradients read and write what goes forwards in the same order. */
static dnnl_status_t s_make_data(onednn_conv_t *self, const shapes_t *s, const_dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t chosen[KINDS])
{
    dnnl_convolution_desc_t d;
    const_dnnl_primitive_desc_t forward = chosen[FORWARD];
    const dnnl_memory_desc_t *x = s_order(forward, dnnl_query_src_md);
    TRY(s_dnnl.convolution_backward_data_desc_init(&d, dnnl_convolution_direct, x, &s->any_w,
                                                   s_order(forward, dnnl_query_dst_md), s->strides, s->pads,
                                                   s->pads));
    TRY(s_make(self, attr, &(want_t){&d, forward, &self->backward_data, &chosen[DATA]}));
    TRY(s_connect(&self->ports[PORT_W_BACK], &s->w, s_order(chosen[DATA], dnnl_query_weights_md), false,
                  NULL));
    return s_connect(&self->ports[PORT_DX], &s->x, x, true, NULL);
}

static dnnl_status_t s_make_weights(onednn_conv_t *self, const shapes_t *s, const_dnnl_primitive_attr_t attr,
                                    const_dnnl_primitive_attr_t adds, dnnl_primitive_desc_t chosen[KINDS])
{
    dnnl_convolution_desc_t d;
    const_dnnl_primitive_desc_t forward = chosen[FORWARD];
    const dnnl_memory_desc_t *y = s_order(forward, dnnl_query_dst_md);
    TRY(s_dnnl.convolution_backward_weights_desc_init(&d, dnnl_convolution_direct,
                                                      s_order(forward, dnnl_query_src_md), &s->any_w, NULL, y,
                                                      s->strides, s->pads, s->pads));
    TRY(s_make(self, attr, &(want_t){&d, forward, &self->backward_weights, &chosen[WEIGHTS]}));
    TRY(s_connect(&self->ports[PORT_DW], &s->w, s_order(chosen[WEIGHTS], dnnl_query_diff_weights_md), true,
                  adds));
    return s_connect(&self->ports[PORT_DY], &s->y, y, false, NULL);
}

/* Attributes: `scratch` (its working memory is ours), `adds` (a reorder that adds). */
static dnnl_status_t s_make_attributes(dnnl_primitive_attr_t *ret_scratch, dnnl_primitive_attr_t *ret_adds)
{
    TRY(s_dnnl.primitive_attr_create(ret_scratch));
    TRY(s_dnnl.primitive_attr_set_scratchpad_mode(*ret_scratch, dnnl_scratchpad_mode_user));
    TRY(s_dnnl.primitive_attr_create(ret_adds));
    dnnl_post_ops_t sum;
    TRY(s_dnnl.post_ops_create(&sum));
    dnnl_status_t status = s_dnnl.post_ops_append_sum(sum, 1.0f);
    if (status == dnnl_success)
        status = s_dnnl.primitive_attr_set_post_ops(*ret_adds, sum);
    s_dnnl.post_ops_destroy(sum);
    return status;
}

static dnnl_status_t s_make_all(onednn_conv_t *self, const shapes_t *s, bool first)
{
    dnnl_primitive_attr_t scratch = NULL, adds = NULL;
    dnnl_primitive_desc_t chosen[KINDS] = {NULL};
    dnnl_status_t status = s_make_attributes(&scratch, &adds);
    if (status == dnnl_success)
        status = s_make_forward(self, s, scratch, chosen);
    if (status == dnnl_success && !first)
        status = s_make_data(self, s, scratch, chosen);
    if (status == dnnl_success)
        status = s_make_weights(self, s, scratch, adds, chosen);
    for (size_t i = 0; i < KINDS; i++)
        if (chosen[i])
            s_dnnl.primitive_desc_destroy(chosen[i]);
    s_dnnl.primitive_attr_destroy(scratch);
    s_dnnl.primitive_attr_destroy(adds);
    return status;
}

static size_t s_carve(size_t *offset, size_t bytes)
{
    size_t place = *offset;
    *offset += (bytes + LINE - 1) / LINE * LINE;
    return place;
}

/* Each port its place; the gradient of the weights two, as the library replaces what it writes to. */
static dnnl_status_t s_place(onednn_conv_t *self)
{
    for (size_t i = 0; i < PORTS; i++)
        self->places[i] = s_carve(&self->scratch_bytes, self->ports[i].inside_bytes);
    self->sum_place = s_carve(&self->scratch_bytes, self->ports[PORT_DW].inside_bytes);
    self->scratchpad_place = s_carve(&self->scratch_bytes, self->scratchpad_bytes);
    dnnl_memory_desc_t bytes;
    dnnl_dims_t size = {(int64_t)self->scratchpad_bytes};
    TRY(s_dnnl.memory_desc_init_by_tag(&bytes, 1, size, dnnl_u8, dnnl_a));
    return s_dnnl.memory_create(&self->scratchpad, &bytes, s_engine, DNNL_MEMORY_NONE);
}

err_code_t onednn_conv_new(const conv_t *conv, size_t count, bool first, bool images_outermost,
                           onednn_conv_t **ret_self, err_t *err)
{
    err_code_t code = onednn_open(err);
    if (code)
        return code;
    onednn_conv_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a convolution");
    shapes_t shapes;
    dnnl_status_t status = s_dnnl.stream_create(&self->stream, s_engine, dnnl_stream_default_flags);
    if (status == dnnl_success)
        status = s_describe(conv, count, images_outermost, &shapes);
    if (status == dnnl_success)
        status = s_make_all(self, &shapes, first);
    if (status == dnnl_success)
        status = s_place(self);
    if (status != dnnl_success) {
        onednn_conv_destroy(&self);
        return s_refused(err, status);
    }
    *ret_self = self;
    return ERR_OK;
}

static void s_drop(dnnl_primitive_t primitive)
{
    if (primitive)
        s_dnnl.primitive_destroy(primitive);
}

static void s_forget(dnnl_memory_t memory)
{
    if (memory)
        s_dnnl.memory_destroy(memory);
}

void onednn_conv_destroy(onednn_conv_t **self_p)
{
    onednn_conv_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < PORTS; i++) {
        s_forget(self->ports[i].outside);
        s_forget(self->ports[i].inside);
        s_drop(self->ports[i].reorder);
    }
    s_forget(self->scratchpad);
    s_drop(self->forward);
    s_drop(self->backward_data);
    s_drop(self->backward_weights);
    if (self->stream)
        s_dnnl.stream_destroy(self->stream);
    free(self);
    *self_p = NULL;
}

size_t onednn_conv_scratch(const onednn_conv_t *self)
{
    return self->scratch_bytes;
}

/* ---- running ---- */

static void s_set(dnnl_memory_t memory, void *at)
{
    CHECK(s_dnnl.memory_set_data_handle(memory, at) == dnnl_success);
}

static void s_run(const onednn_conv_t *self, dnnl_primitive_t primitive, int count,
                  const dnnl_exec_arg_t *args)
{
    CHECK(s_dnnl.primitive_execute(primitive, self->stream, count, args) == dnnl_success);
}

/* Says where numbers are outside, and where inside: there, or in the scratch. The library takes no const. */
static port_t *s_bind(onednn_conv_t *self, port_name_t name, const float *outside)
{
    port_t *port = self->ports + name;
    s_set(port->outside, (void *)(uintptr_t)outside);
    s_set(port->inside, port->reorder ? self->scratch + self->places[name] : (void *)(uintptr_t)outside);
    return port;
}

/* Ways in (FROM outside) and out. */
static void s_reorder(onednn_conv_t *self, const port_t *port, dnnl_memory_t from, dnnl_memory_t to)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    if (port->reorder)
        s_run(self, port->reorder, 2, args);
}

static dnnl_memory_t s_enter(onednn_conv_t *self, port_name_t name, const float *from)
{
    const port_t *port = s_bind(self, name, from);
    s_reorder(self, port, port->outside, port->inside);
    return port->inside;
}

static void s_leave(onednn_conv_t *self, port_name_t name)
{
    const port_t *port = self->ports + name;
    s_reorder(self, port, port->inside, port->outside);
}

void onednn_conv_begin(onednn_conv_t *self, const float *w, bool backward, void *scratch)
{
    self->scratch = scratch;
    self->summed = 0;
    s_set(self->scratchpad, self->scratch + self->scratchpad_place);
    if (!backward)
        (void)s_enter(self, PORT_W, w);
    else if (self->backward_data)
        (void)s_enter(self, PORT_W_BACK, w);
}

void onednn_conv_forward(onednn_conv_t *self, const float *x, float *ret_y)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, s_enter(self, PORT_X, x)},
                              {DNNL_ARG_WEIGHTS, self->ports[PORT_W].inside},
                              {DNNL_ARG_DST, s_bind(self, PORT_Y, ret_y)->inside},
                              {DNNL_ARG_SCRATCHPAD, self->scratchpad}};
    s_run(self, self->forward, 4, args);
    s_leave(self, PORT_Y);
}

static void s_backward_data(onednn_conv_t *self, dnnl_memory_t dy, float *ret_dx)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_DIFF_DST, dy},
                              {DNNL_ARG_WEIGHTS, self->ports[PORT_W_BACK].inside},
                              {DNNL_ARG_DIFF_SRC, s_bind(self, PORT_DX, ret_dx)->inside},
                              {DNNL_ARG_SCRATCHPAD, self->scratchpad}};
    s_run(self, self->backward_data, 4, args);
    s_leave(self, PORT_DX);
}

static void s_backward_weights(onednn_conv_t *self, dnnl_memory_t x, dnnl_memory_t dy)
{
    const port_t *port = self->ports + PORT_DW;
    float *sum = (float *)(self->scratch + self->sum_place),
          *last = (float *)(self->scratch + self->places[PORT_DW]);
    s_set(port->inside, self->summed ? last : sum);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, x},
                              {DNNL_ARG_DIFF_DST, dy},
                              {DNNL_ARG_DIFF_WEIGHTS, port->inside},
                              {DNNL_ARG_SCRATCHPAD, self->scratchpad}};
    s_run(self, self->backward_weights, 4, args);
    if (self->summed++)
        vector_add(port->inside_bytes / sizeof *sum, sum, last);
}

void onednn_conv_backward(onednn_conv_t *self, const float *x, const float *dy, float *ret_dx)
{
    dnnl_memory_t dy_inside = s_enter(self, PORT_DY, dy);
    s_backward_weights(self, s_enter(self, PORT_X, x), dy_inside);
    if (ret_dx)
        s_backward_data(self, dy_inside, ret_dx);
}

void onednn_conv_end(onednn_conv_t *self, float *add_dw)
{
    port_t *port = self->ports + PORT_DW;
    if (!self->summed)
        return;
    s_set(port->inside, self->scratch + self->sum_place);
    s_set(port->outside, add_dw);
    s_reorder(self, port, port->inside, port->outside);
}
