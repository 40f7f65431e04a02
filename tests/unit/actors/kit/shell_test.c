#include "actors/kit/shell.h"
#include "brokers/frames_zmq.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <poll.h>
#include <sys/eventfd.h>

/* ---- a core that answers every pull with params, and ends on stop ---- */

typedef struct {
    outbox_t outbox;
    bool finished;
    int calls;
} echo_t;

static void s_echo_message(void *core, message_t **message_p, int64_t now_us)
{
    (void)now_us;
    echo_t *self = core;
    if ((*message_p)->kind == KIND_stop)
        self->finished = true;
    if ((*message_p)->kind == KIND_pull) {
        message_t *answer = message_new(KIND_params, (*message_p)->from, "shard/eu/0");
        answer->number = (*message_p)->number;
        answer->data = slice_ref(&(*message_p)->data);
        outbox_add(&self->outbox, &answer);
    }
    message_destroy(message_p);
}

static void s_echo_tick(void *core, int64_t now_us)
{
    (void)core;
    (void)now_us;
}

static int64_t s_echo_due(const void *core)
{
    (void)core;
    return ROLE_NEVER;
}

static outbox_t *s_echo_outbox(void *core)
{
    return &((echo_t *)core)->outbox;
}

static bool s_echo_finished(const void *core)
{
    return ((const echo_t *)core)->finished;
}

static void s_echo_destroy(void **core_p)
{
    echo_t *self = *core_p;
    outbox_fini(&self->outbox);
    free(self);
    *core_p = NULL;
}

static const role_t s_role = {.name = "echo",
                              .message = s_echo_message,
                              .tick = s_echo_tick,
                              .due = s_echo_due,
                              .outbox = s_echo_outbox,
                              .finished = s_echo_finished,
                              .destroy = s_echo_destroy};

typedef struct {
    err_code_t fails;
    int closed;
} hint_t;

static err_code_t s_open(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    (void)incarnation;
    hint_t *self = hint;
    if (self->fails)
        return err_set(err, self->fails, "cannot open");
    *ret_core = calloc(1, sizeof(echo_t));
    return ERR_OK;
}

static void s_close(void *hint)
{
    ((hint_t *)hint)->closed++;
}

static const shell_ops_t s_ops = {.open = s_open, .close = s_close};

/* ---- a broker of one socket ---- */

typedef struct {
    zsock_t *router;
    char endpoint[TOPOLOGY_TEXT_MAX];
    zmq_msg_t id; /* of whoever sent last */
} fake_t;

static void s_bind(fake_t *self)
{
    static int count;
    setenv("ZSYS_SIGHANDLER", "false", 1);
    snprintf(self->endpoint, sizeof self->endpoint, "inproc://shell-test-%d-%d", (int)getpid(), count++);
    self->router = zsock_new(ZMQ_ROUTER);
    cr_assert_eq(zmq_bind(zsock_resolve(self->router), self->endpoint), 0);
    zmq_msg_init(&self->id);
}

static void s_unbind(fake_t *self)
{
    zsock_destroy(&self->router);
    zmq_msg_close(&self->id);
}

/* Waits for the next message of a kind. */
static message_t *s_await(fake_t *self, message_kind_t kind)
{
    for (;;) {
        zmq_pollitem_t item = {.socket = zsock_resolve(self->router), .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, -1);
        frames_t frames;
        zmq_msg_close(&self->id);
        zmq_msg_init(&self->id);
        if (frames_recv_zmq(zsock_resolve(self->router), &self->id, &frames))
            continue;
        message_t *message = NULL;
        cr_assert_eq(frames_unpack(&frames, &message, NULL), ERR_OK);
        frames_fini(&frames);
        if (message->kind == kind)
            return message;
        message_destroy(&message);
    }
}

static void s_reply(fake_t *self, message_t *message)
{
    cr_assert_eq(frames_send_message_zmq(zsock_resolve(self->router), zmq_msg_data(&self->id),
                                         zmq_msg_size(&self->id), message),
                 ERR_OK);
    message_destroy(&message);
}

static void s_register(fake_t *self)
{
    message_t *hello = s_await(self, KIND_hello);
    cr_assert_str_eq(hello->from, "shard/eu/0");
    cr_assert_eq(hello->incarnation, 7);
    message_destroy(&hello);
    s_reply(self, message_new(KIND_registered, "shard/eu/0", "broker/eu"));
}

static err_code_t s_find(void *hint, char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err)
{
    fake_t *self = hint;
    if (!self->router)
        return err_set(err, ERR_NOT_FOUND, "no broker yet");
    snprintf(ret_endpoint, TOPOLOGY_TEXT_MAX, "%s", self->endpoint);
    return ERR_OK;
}

static shell_t *s_start(fake_t *fake, hint_t *hint, int notify_fd)
{
    shell_spec_t spec = {.name = "shard/eu/0",
                         .incarnation = 7,
                         .role = &s_role,
                         .ops = &s_ops,
                         .hint = hint,
                         .find = s_find,
                         .find_hint = fake,
                         .notify_fd = notify_fd};
    return shell_start(&spec);
}

static void s_await_end(shell_t *shell, int notify_fd, err_t *ret_failure)
{
    eventfd_t ignored;
    while (shell_state(shell, ret_failure) != SHELL_ENDED) {
        struct pollfd item = {.fd = notify_fd, .events = POLLIN};
        poll(&item, 1, -1);
        eventfd_read(notify_fd, &ignored);
    }
}

/* ---- tests ---- */

Test(shell, registers_answers_and_ends_on_stop)
{
    fake_t fake;
    hint_t hint = {0};
    int notify_fd = eventfd(0, EFD_NONBLOCK);
    s_bind(&fake);
    shell_t *shell = s_start(&fake, &hint, notify_fd);
    cr_assert_eq(shell_wait_ready(shell, NULL), ERR_OK);
    s_register(&fake);

    message_t *pull = message_new(KIND_pull, "shard/eu/0", "worker/eu/0");
    pull->number = 3;
    buf_t *data = buf_new_copy("0123456789abcdef", 16);
    pull->data = slice_of(data, 0, 16);
    buf_destroy(&data);
    s_reply(&fake, pull);
    message_t *params = s_await(&fake, KIND_params);
    cr_assert_eq(params->number, 3);
    cr_assert_str_eq(params->to, "worker/eu/0");
    cr_assert_arr_eq(slice_peek(&params->data), "0123456789abcdef", 16);
    message_destroy(&params);

    message_t *stop = message_new(KIND_stop, "shard/eu/0", "node/eu/a");
    shell_post(shell, &stop);
    err_t failure = {0};
    s_await_end(shell, notify_fd, &failure);
    cr_assert_eq(failure.code, ERR_OK);
    cr_assert_eq(hint.closed, 1);
    shell_destroy(&shell);
    s_unbind(&fake);
    close(notify_fd);
}

Test(shell, what_is_wanted_sent_waits_until_the_broker_knows_the_actor)
{
    fake_t fake;
    hint_t hint = {0};
    s_bind(&fake);
    shell_t *shell = s_start(&fake, &hint, -1);
    message_t *pull = message_new(KIND_pull, "shard/eu/0", "worker/eu/0");
    pull->number = 9;
    shell_post(shell, &pull);
    message_t *hello = s_await(&fake, KIND_hello);
    message_destroy(&hello);
    hello = s_await(&fake, KIND_hello); /* again, and nothing else in between */
    message_destroy(&hello);
    s_reply(&fake, message_new(KIND_registered, "shard/eu/0", "broker/eu"));
    message_t *params = s_await(&fake, KIND_params);
    cr_assert_eq(params->number, 9);
    message_destroy(&params);
    shell_destroy(&shell);
    s_unbind(&fake);
}

Test(shell, a_failed_start_is_reported_with_its_reason)
{
    fake_t fake = {0};
    hint_t hint = {.fails = ERR_CHECKSUM};
    shell_t *shell = s_start(&fake, &hint, -1);
    err_t err = {0};
    cr_assert_eq(shell_wait_ready(shell, &err), ERR_CHECKSUM);
    cr_assert_str_eq(err.text, "cannot open");
    shell_destroy(&shell);
    cr_assert_eq(hint.closed, 1);
}

Test(shell, a_newer_incarnation_fences_it)
{
    fake_t fake;
    hint_t hint = {0};
    int notify_fd = eventfd(0, EFD_NONBLOCK);
    s_bind(&fake);
    shell_t *shell = s_start(&fake, &hint, notify_fd);
    message_t *hello = s_await(&fake, KIND_hello);
    message_destroy(&hello);
    message_t *refused = message_new(KIND_refused, "shard/eu/0", "broker/eu");
    refused->refused.kind = KIND_hello;
    refused->refused.code = ERR_STALE;
    s_reply(&fake, refused);
    err_t failure = {0};
    s_await_end(shell, notify_fd, &failure);
    cr_assert_eq(failure.code, ERR_STALE);
    shell_destroy(&shell);
    s_unbind(&fake);
    close(notify_fd);
}

/* Its starter may have lost count only when the broker knew better from the beginning. */
Test(shell, one_that_is_refused_when_it_comes_says_by_whom_one_that_was_replaced_does_not)
{
    for (int registered = 0; registered <= 1; registered++) {
        fake_t fake;
        hint_t hint = {0};
        int notify_fd = eventfd(0, EFD_NONBLOCK);
        s_bind(&fake);
        shell_t *shell = s_start(&fake, &hint, notify_fd);
        if (registered) {
            s_register(&fake);
        } else {
            message_t *hello = s_await(&fake, KIND_hello);
            message_destroy(&hello);
        }
        message_t *refused = message_new(KIND_refused, "shard/eu/0", "broker/eu");
        refused->refused.kind = KIND_hello;
        refused->refused.code = ERR_STALE;
        refused->refused.newest = 77;
        uint64_t newest = 1;
        cr_assert_not(shell_outbid(shell, &newest), "still runs");
        s_reply(&fake, refused);
        err_t failure = {0};
        s_await_end(shell, notify_fd, &failure);
        cr_assert_eq(failure.code, ERR_STALE);
        cr_assert_eq(shell_outbid(shell, &newest), !registered);
        cr_assert_eq(newest, registered ? 0 : 77);
        shell_destroy(&shell);
        s_unbind(&fake);
        close(notify_fd);
    }
}

Test(shell, a_broker_that_came_back_elsewhere_is_found_while_the_old_one_is_silent)
{
    fake_t dead, alive;
    hint_t hint = {0};
    s_bind(&dead);
    s_bind(&alive);
    fake_t shown = dead;
    shell_t *shell = s_start(&shown, &hint, -1);
    s_register(&dead);
    snprintf(shown.endpoint, sizeof shown.endpoint, "%s", alive.endpoint);
    s_register(&alive);
    shell_destroy(&shell);
    s_unbind(&dead);
    s_unbind(&alive);
}

Test(shell, bytes_that_are_no_message_change_nothing)
{
    fake_t fake;
    hint_t hint = {0};
    s_bind(&fake);
    shell_t *shell = s_start(&fake, &hint, -1);
    s_register(&fake);
    for (int frames = 1; frames <= 5; frames++) {
        void *router = zsock_resolve(fake.router);
        zmq_send(router, zmq_msg_data(&fake.id), zmq_msg_size(&fake.id), ZMQ_SNDMORE);
        for (int i = 1; i <= frames; i++)
            zmq_send(router, "\xc1\xff rubbish", 10, i < frames ? ZMQ_SNDMORE : 0);
    }
    s_reply(&fake, message_new(KIND_pull, "shard/eu/0", "worker/eu/0"));
    message_t *params = s_await(&fake, KIND_params);
    message_destroy(&params);
    shell_destroy(&shell);
    s_unbind(&fake);
}

Test(shell, a_broker_that_does_not_answer_is_looked_for_again)
{
    fake_t dead, alive;
    hint_t hint = {0};
    s_bind(&dead);
    s_bind(&alive);
    fake_t shown = dead;
    shell_t *shell = s_start(&shown, &hint, -1);
    message_t *hello = s_await(&dead, KIND_hello);
    message_destroy(&hello);
    snprintf(shown.endpoint, sizeof shown.endpoint, "%s", alive.endpoint); /* it has moved */
    s_register(&alive);
    shell_destroy(&shell);
    s_unbind(&dead);
    s_unbind(&alive);
}
