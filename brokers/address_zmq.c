#include "brokers/address_zmq.h"

#include "brokers/topology_value.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <string.h>
#include <zmq.h>

static bool s_is_ipv4(const char *host)
{
    struct in_addr address;
    return inet_pton(AF_INET, host, &address) == 1;
}

void address_choose_family(void *socket, const char *endpoint)
{
    char host[TOPOLOGY_TEXT_MAX];
    unsigned port;
    int both = value_endpoint(endpoint, host, &port) && !s_is_ipv4(host);
    CHECK(zmq_setsockopt(socket, ZMQ_IPV6, &both, sizeof both) == 0);
}

static void s_put_address(const struct addrinfo *found, const char *port,
                          char ret_endpoint[TOPOLOGY_TEXT_MAX])
{
    char text[INET6_ADDRSTRLEN + 32] = "";
    getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    snprintf(ret_endpoint, TOPOLOGY_TEXT_MAX, found->ai_family == AF_INET6 ? "tcp://[%s]%s" : "tcp://%s%s",
             text, port);
}

err_code_t address_to_bind(const char *endpoint, char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err)
{
    char host[TOPOLOGY_TEXT_MAX];
    unsigned port;
    snprintf(ret_endpoint, TOPOLOGY_TEXT_MAX, "%s", endpoint);
    if (!value_endpoint(endpoint, host, &port) || host[0] == '[' || host[0] == '*' || s_is_ipv4(host) ||
        if_nametoindex(host))
        return ERR_OK;
    struct addrinfo want = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE},
                    *found = NULL;
    int rc = getaddrinfo(host, NULL, &want, &found);
    if (rc)
        return err_set(err, ERR_CONFIG,
                       "%s: %s is no address, no interface of this machine and no known name (%s)", endpoint,
                       host, gai_strerror(rc));
    const struct addrinfo *best = found; /* IPv4 where there is one: also machines without IPv6 reach it */
    for (const struct addrinfo *at = found; at && best->ai_family != AF_INET; at = at->ai_next)
        best = at->ai_family == AF_INET ? at : best;
    s_put_address(best, strrchr(endpoint, ':'), ret_endpoint);
    freeaddrinfo(found);
    return ERR_OK;
}
