/* gate - keeps the last descriptors of a process from strangers: with few left, a listening socket answers
 * nobody new until there are more again. Who is connected is not touched; who dials tries again by itself.
 *
 * Why      libzmq accepts whoever comes, and aborts when its local listener then finds no descriptor.
 *          Connections that do not greet are closed by ZMQ_HANDSHAKE_IVL, which needs until then.
 * How      a monitor of the socket tells of each connection accepted, and which descriptor listens; a filter
 *          on that one drops what arrives for it. At most the backlog is accepted after that.
 * Threads  opened and closed by the owner of the socket; looks in a thread of its own, which sleeps while
 *          nobody comes.
 * Source   zmq_socket_monitor(3); socket(7), SO_ATTACH_FILTER
 */
#ifndef BROKERS_GATE_ZMQ_H
#define BROKERS_GATE_ZMQ_H

#include "codec/base/err.h"

#include <stddef.h>

#define GATE_LEAST 256 /* descriptors a process that listens is to have */

typedef struct gate gate_t;

/* Before the socket is bound. `name` is the broker's, for the log; copied. Errors: ERR_LIMIT. */
MUST_USE err_code_t gate_open(void *context, void *socket, const char *name, gate_t **ret_self, err_t *err);

/* Before the socket is closed; NULL is fine. */
void gate_close(gate_t **self_p);

size_t gate_limit(void); /* of open files, of this process */

/* With so many open files allowed: from which lowest free descriptor on it is shut, and how long the queue of
 * those who knock may be. */
size_t gate_shut_from(size_t limit);
int gate_backlog(size_t limit);

#endif
