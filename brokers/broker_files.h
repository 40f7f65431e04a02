/* broker_files - what a broker leaves on disk and reads from names and addresses; no sockets. For broker*.c
 * alone.
 *
 * Threads  any.
 */
#ifndef BROKERS_BROKER_FILES_H
#define BROKERS_BROKER_FILES_H

#include "brokers/broker.h"
#include "brokers/route.h"

#include <limits.h>

/* run_dir/broker-REGION, written whole or not at all. */
MUST_USE err_code_t broker_file_write(const char *run_dir, const char *region, const char *tcp,
                                      const char *ipc, err_t *err);
void broker_file_remove(const char *run_dir, const char *region, const char *ipc);

/* A new path for a local socket, in a directory of this user alone; sweeps what killed brokers left there. */
MUST_USE err_code_t broker_socket_path(char ret_path[TOPOLOGY_TEXT_MAX], err_t *err);

bool broker_is_loopback(const char *endpoint);

/* Index of the region that an actor's name belongs to ("scheduler/global": the first), SIZE_MAX when there is
 * none. */
size_t broker_region_of(const topology_t *topology, const char *name, size_t length);

#endif
