/* lockfile - a file that one process holds at a time, and that says which.
 *
 * Why      two writers in one directory destroy it; the second gets one clear line with the pid of the first.
 * Not      a lock between threads of a process that share the descriptor.
 * Threads  any.
 * Source   fcntl(2), open file description locks: given up by the kernel when the holder dies, however it
 *          dies; unlike with flock(2), asking who holds it never takes it.
 */
#ifndef STORE_LOCKFILE_H
#define STORE_LOCKFILE_H

#include "codec/base/err.h"

#include <sys/types.h>

/* Creates the file when it is not there, takes the lock and writes the pid of this process into it.
 *
 *   out  ret_fd  holds the lock; closed on exec; given up with lockfile_release
 *
 * Errors   ERR_IN_USE (the text names the path and the holder's pid), ERR_NOT_FOUND (no such directory),
 * ERR_DENIED, ERR_IO
 */
MUST_USE err_code_t lockfile_take(const char *path, int *ret_fd, err_t *err);

/* Gives the lock up and sets the descriptor to -1; -1 is fine. The file stays. */
void lockfile_release(int *fd_p);

/* The pid of the process that holds the lock now; 0 when nobody does or there is no such file. */
pid_t lockfile_holder(const char *path);

#endif
