/* machine - what people call this machine, in logs and in status.
 *
 * Threads  any.
 */
#ifndef CODEC_BASE_MACHINE_H
#define CODEC_BASE_MACHINE_H

#define MACHINE_NAME_MAX 64 /* with its zero; a longer host name is cut */

/* The host name; one word of printable characters, "?" when there is none. */
void machine_name(char ret_name[MACHINE_NAME_MAX]);

#endif
