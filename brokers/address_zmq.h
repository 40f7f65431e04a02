/* address_zmq - tcp://HOST:PORT for libzmq: families of addresses, and names where it takes none.
 *
 * Why      libzmq takes a name that is listened on for that of a network interface, and speaks IPv6 only when
 *          told to.
 * Threads  any.
 */
#ifndef BROKERS_ADDRESS_ZMQ_H
#define BROKERS_ADDRESS_ZMQ_H

#include "brokers/topology.h"

/* Has a socket speak the family of what it is about to bind or dial: IPv4 alone for an address of that
 * kind, else both. */
void address_choose_family(void *socket, const char *endpoint);

/* Finds what to listen on: the endpoint as it is when its host is an address, an interface of this machine or
 * `*`; else the name's address.
 *
 * Errors   ERR_CONFIG: the name is unknown, or no address of this machine */
MUST_USE err_code_t address_to_bind(const char *endpoint, char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err);

#endif
