/* command - how a command of the program ends: a status, and when it has failed the line that says why.
 *
 * Errors   on standard error as "cloudless: WHERE: WHAT; REMEDY".
 * Threads  the main thread.
 */
#ifndef DEPLOY_LAUNCH_COMMAND_H
#define DEPLOY_LAUNCH_COMMAND_H

typedef enum {
    EXIT_DONE = 0,     /* also after a drained SIGINT or SIGTERM */
    EXIT_FAILED = 1,   /* while running; also when output could not be written */
    EXIT_WRONG = 2,    /* usage, topology, data set or state directory */
    EXIT_PROBLEMS = 3, /* a check found some */
    EXIT_DRAINED = 4,  /* ended in order before the end, as somebody elsewhere asked for */
} exit_status_t;

/* Prints "cloudless: WHERE: TEXT" (without WHERE when it is NULL) and returns the status. */
int command_fail(exit_status_t status, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
