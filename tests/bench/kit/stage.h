/* stage - the processes of a benchmark: each part runs in a child, says when it is ready, and plays when
 * told.
 *
 * Why      what is measured crosses real processes; and when the parts of both sides live at once and take
 *          short turns, whatever else the machine does meets both alike.
 * Threads  one.
 */
#ifndef TESTS_BENCH_KIT_STAGE_H
#define TESTS_BENCH_KIT_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STAGE_TEXT_MAX 256

typedef struct {
    pid_t pid; /* 0: none */
    int commands, figures;
} stage_part_t;

/* The body of a part, in its child; `from` is what the part before it said. Returning ends the child. */
typedef void stage_fn(const void *scene, const char *from);

/* Starts a part and waits for what it says first. */
stage_part_t stage_open(stage_fn *fn, const void *scene, const char *from, char ret_said[STAGE_TEXT_MAX]);

/* One turn of the part: returns the figure it came to. */
double stage_turn(const stage_part_t *part);

void stage_close(stage_part_t *part); /* kills and reaps it */

/* Inside the child. */
void stage_say(const char *text);
bool stage_next(
    double figure);    /* hands over the last turn's figure, and waits for the next; false: the end */
void stage_idle(void); /* forever */

/* Ends the program with a line when `good` is false. */
void stage_check(bool good, const char *what);

#endif
