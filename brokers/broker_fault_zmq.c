#include "brokers/broker_state_zmq.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

broker_fault_board_t *broker_fault_board(const char *path, bool create)
{
    int fd = open(path, O_RDWR | (create ? O_CREAT : 0) | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    void *board = MAP_FAILED;
    if (ftruncate(fd, sizeof(broker_fault_board_t)) == 0)
        board = mmap(NULL, sizeof(broker_fault_board_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return board == MAP_FAILED ? NULL : board;
}

#ifdef CLOUDLESS_FAILPOINTS
void broker_fault_open(broker_t *self)
{
    const char *path = getenv(BROKER_FAULT_VARIABLE);
    self->faults.board = path ? broker_fault_board(path, false) : NULL;
    if (self->faults.board)
        rng_init_for(&self->faults.rng, atomic_load(&self->faults.board->seed), "faults", self->pid,
                     self->spec.region_index);
}

bool broker_fault_cuts(const broker_t *self, size_t to)
{
    broker_fault_board_t *board = self->faults.board;
    if (!board || !atomic_load_explicit(&board->cut[self->spec.region_index][to], memory_order_relaxed))
        return false;
    atomic_fetch_add(&board->dropped, 1);
    return true;
}

static bool s_strikes(broker_t *self, _Atomic uint32_t *ppm, _Atomic uint64_t *count)
{
    uint32_t probability = atomic_load_explicit(ppm, memory_order_relaxed);
    if (!probability || rng_below(&self->faults.rng, BROKER_FAULT_WHOLE) >= probability)
        return false;
    atomic_fetch_add(count, 1);
    return true;
}

/* One bit of a copy: within a process the sender still has the bytes, and they carry no checksum. */
static void s_damage(broker_t *self, const route_t *route, zmq_msg_t *part)
{
    size_t size = zmq_msg_size(part);
    broker_fault_board_t *board = self->faults.board;
    if (!size || route->process == self->process || !s_strikes(self, &board->damage_ppm, &board->damaged))
        return;
    zmq_msg_t copy;
    CHECK(zmq_msg_init_size(&copy, size) == 0);
    unsigned char *bytes = zmq_msg_data(&copy);
    memcpy(bytes, zmq_msg_data(part), size);
    bytes[rng_below(&self->faults.rng, size)] ^= (unsigned char)(1u << rng_below(&self->faults.rng, 8));
    zmq_msg_close(part);
    zmq_msg_init(part);
    zmq_msg_move(part, &copy);
    zmq_msg_close(&copy);
}

static void s_again(broker_t *self, const route_t *route, zmq_msg_t *parts, size_t count)
{
    zmq_msg_t copies[BROKER_PARTS_MAX];
    for (size_t i = 0; i < count; i++) {
        zmq_msg_init(&copies[i]);
        zmq_msg_copy(&copies[i], &parts[i]);
    }
    err_code_t code = broker_post_hand_over(self, route, copies, count);
    (void)code; /* the message itself is sent too, and says it */
    for (size_t i = 0; i < count; i++)
        zmq_msg_close(&copies[i]);
}

void broker_fault_release(broker_t *self)
{
    broker_held_t *held = &self->faults.held;
    if (!held->count)
        return;
    const route_t *route = routes_find(self->routes, held->to, strlen(held->to));
    if (route && broker_post_hand_over(self, route, held->parts, held->count))
        route = NULL; /* lost, as on any way */
    for (size_t i = 0; i < held->count; i++)
        zmq_msg_close(&held->parts[i]);
    held->count = 0;
}

static void s_hold(broker_t *self, const route_t *route, zmq_msg_t *parts, size_t count)
{
    broker_held_t *held = &self->faults.held;
    held->count = count;
    snprintf(held->to, sizeof held->to, "%s", route->name);
    for (size_t i = 0; i < count; i++) {
        zmq_msg_init(&held->parts[i]);
        zmq_msg_move(&held->parts[i], &parts[i]);
    }
}

err_code_t broker_fault_forward(broker_t *self, const route_t *route, zmq_msg_t *parts, size_t count)
{
    broker_fault_board_t *board = self->faults.board;
    if (!board)
        return broker_post_hand_over(self, route, parts, count);
    if (count == BROKER_PARTS_MAX)
        s_damage(self, route, &parts[count - 1]);
    if (s_strikes(self, &board->duplicate_ppm, &board->duplicated))
        s_again(self, route, parts, count);
    if (!self->faults.held.count && s_strikes(self, &board->swap_ppm, &board->swapped)) {
        s_hold(self, route, parts, count);
        return ERR_OK;
    }
    err_code_t code = broker_post_hand_over(self, route, parts, count);
    broker_fault_release(self);
    return code;
}
#else
void broker_fault_open(broker_t *self)
{
    (void)self;
}

bool broker_fault_cuts(const broker_t *self, size_t to)
{
    (void)self, (void)to;
    return false;
}

void broker_fault_release(broker_t *self)
{
    (void)self;
}

err_code_t broker_fault_forward(broker_t *self, const route_t *route, zmq_msg_t *parts, size_t count)
{
    return broker_post_hand_over(self, route, parts, count);
}
#endif
