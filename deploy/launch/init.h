/* init - what a process 1 has to do, as in a container: bury whoever ends there, and hand signals on.
 *
 * Why      the kernel gives process 1 everybody's orphans, and ignores signals to it that it does not handle;
 *          a command that rents machines leaves orphans.
 * How      the command itself runs in a child, begun anew, which is nobody's init.
 * Threads  the main thread, alone.
 * Source   pid_namespaces(7)
 */
#ifndef DEPLOY_LAUNCH_INIT_H
#define DEPLOY_LAUNCH_INIT_H

#include <stdbool.h>

bool init_is_needed(void); /* this is process 1 */

/* Runs this program with these arguments in a child; returns its exit status, 128 more than the signal
 * that ended it. */
int init_run(char **argv);

#endif
