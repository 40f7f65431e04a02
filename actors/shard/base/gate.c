#include "actors/shard/base/gate.h"

#include "actors/kit/breaks.h"
#include "actors/kit/role.h"

void gate_init(gate_t *self, unsigned breaks)
{
    *self = (gate_t){.patient_us = ROLE_NEVER, .breaks = breaks};
}

void gate_load(gate_t *self, uint64_t number)
{
    self->number = self->over = number;
}

bool gate_lets(const gate_t *self, uint64_t point)
{
    return point <= self->over || (self->breaks & BREAK_MARK);
}

bool gate_holds(const gate_t *self)
{
    return self->held && !(self->breaks & BREAK_HOLD);
}

void gate_wait(gate_t *self, int64_t now_us)
{
    self->patient_us = now_us + GATE_PATIENCE_US;
}

void gate_seen(gate_t *self, uint64_t point, int64_t now_us)
{
    if (point <= self->ahead)
        return;
    self->ahead = point;
    if (point > self->over && self->patient_us == ROLE_NEVER)
        gate_wait(self, now_us);
}

static void s_release(gate_t *self, int64_t now_us)
{
    self->held = 0;
    self->patient_us = ROLE_NEVER;
    if (self->ahead > self->over)
        gate_wait(self, now_us);
}

bool gate_over(gate_t *self, uint64_t point, int64_t now_us)
{
    bool grown = point > self->number;
    self->number = grown ? point : self->number;
    self->over = point > self->over ? point : self->over;
    if (self->held <= point)
        s_release(self, now_us);
    return grown;
}

bool gate_hold(gate_t *self, uint64_t point, int64_t now_us)
{
    bool grown = false;
    if (point != self->held) {
        grown = gate_over(self, point - 1, now_us);
        self->held = point;
    }
    gate_wait(self, now_us);
    return grown;
}

void gate_take(gate_t *self)
{
    self->number = self->held;
}

bool gate_drop(gate_t *self, int64_t now_us)
{
    return self->held && gate_over(self, self->held, now_us);
}

bool gate_tick(gate_t *self, int64_t now_us)
{
    if (now_us < self->patient_us)
        return false;
    self->patient_us = ROLE_NEVER;
    return gate_over(self, self->held > self->ahead ? self->held : self->ahead, now_us);
}
