/* machine - what people call this machine, in logs and in status; and which process this is among all there
 * ever are.
 *
 * Threads  any.
 */
#ifndef CODEC_BASE_MACHINE_H
#define CODEC_BASE_MACHINE_H

#include <stdint.h>

#define MACHINE_NAME_MAX 64 /* with its zero; a longer host name is cut */

/* The host name; one word of printable characters, "?" when there is none. */
void machine_name(char ret_name[MACHINE_NAME_MAX]);

/* Which process this is, never 0: another one has another, also by the same process id in another container,
 * later, or on another machine. Made of the machine's boot, and the process' namespace, id and time of
 * start. */
uint64_t machine_process(void);

/* The time of day here, in microseconds since 1970. Decides nothing: whoever reads logs of several machines
 * wants to know whether their clocks fit. */
int64_t machine_day_us(void);

#endif
