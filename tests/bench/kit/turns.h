/* turns - processes that are measured in turns: each is asked, computes once, and tells what that took.
 *
 * Why      what is compared runs beside the same neighbours, and each has a memory of its own.
 * How      a line asks; the answer is a line of milliseconds and of the most KiB that it ever held.
 */
#ifndef TESTS_BENCH_KIT_TURNS_H
#define TESTS_BENCH_KIT_TURNS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define TURNS_MAX 256

typedef struct {
    pid_t pid;
    FILE *to, *from;
    double ms[TURNS_MAX]; /* what every turn took */
    int count;
    double most_kib;
} turns_t;

/* A child of this program: `work` computes once; `prepare` (false: it cannot) comes before. Both get hint. */
bool turns_fork(turns_t *self, bool (*prepare)(void *hint), void (*work)(void *hint), void *hint);
/* Another program that answers so. Fails at the first turn where there is none. */
bool turns_run(turns_t *self, char *const arguments[]);

/* Asks once, or once without counting it. Returns false when it has ended. */
bool turns_take(turns_t *self);
bool turns_warm(turns_t *self);

double turns_median_ms(turns_t *self);
void turns_end(turns_t *self);

#endif
