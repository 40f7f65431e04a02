/* broker_bind - the one ROUTER socket of a broker and the three places where it listens. */
#include "brokers/address_zmq.h"
#include "brokers/broker_state_zmq.h"

#include "brokers/gate_zmq.h"
#include "codec/base/log.h"
#include "codec/base/rng.h"

#include <errno.h>
#include <string.h>

/* ---- binding ----------------------------------------------------------------------------------------- */

static void s_set(void *socket, int option, int value)
{
    CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static err_code_t s_open_router(broker_t *self, err_t *err)
{
    self->router = zmq_socket(self->context, ZMQ_ROUTER);
    if (!self->router)
        return err_set(err, ERR_LIMIT, "%s: no more sockets: %s; raise the limit of open files", self->name,
                       zmq_strerror(errno));
    s_set(self->router, ZMQ_ROUTER_MANDATORY, 1);
    s_set(self->router, ZMQ_SNDHWM, 65536); /* of small messages; large ones are counted in bytes */
    s_set(self->router, ZMQ_RCVHWM, 1000);
    s_set(self->router, ZMQ_LINGER, 0);
    s_set(self->router, ZMQ_HANDSHAKE_IVL, 5000);
    s_set(self->router, ZMQ_TCP_MAXRT, 20000);
    s_set(self->router, ZMQ_BACKLOG, gate_backlog(gate_limit()));
    int64_t most = MESSAGE_DATA_MAX;
    CHECK(zmq_setsockopt(self->router, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0);
    return gate_open(self->context, self->router, self->name, &self->gate, err);
}

static err_code_t s_bind_one(broker_t *self, const char *endpoint, const char *key, char *ret_endpoint,
                             size_t size, err_t *err)
{
    address_choose_family(self->router, endpoint);
    if (zmq_bind(self->router, endpoint) < 0) {
        int why = errno;
        if (why == EADDRINUSE)
            return err_set(err, ERR_IN_USE,
                           "%s: cannot bind %s: another process holds it; stop that, or correct %s",
                           self->name, endpoint, key);
        bool wrong = why == EINVAL || why == EPROTONOSUPPORT || why == ENODEV || why == EADDRNOTAVAIL;
        return err_set(err, wrong ? ERR_CONFIG : ERR_IO, "%s: cannot bind %s: %s; correct %s", self->name,
                       endpoint, zmq_strerror(why), key);
    }
    if (zmq_getsockopt(self->router, ZMQ_LAST_ENDPOINT, ret_endpoint, &size) < 0)
        return err_set(err, ERR_IO, "%s: cannot read what %s came to: %s", self->name, endpoint,
                       zmq_strerror(errno));
    return ERR_OK;
}

static err_code_t s_check_exposure(const broker_t *self, const char *bind, err_t *err)
{
    if (broker_is_loopback(bind))
        return ERR_OK;
    if (!self->spec.topology->security_given)
        return err_set(
            err, ERR_CONFIG,
            "%s: %s can be reached from elsewhere, without encryption; write security: none to accept that, "
            "or bind 127.0.0.1",
            self->name, bind);
    log_event(LEVEL_WARN, self->name, "exposed",
              "bind=%s security=none; anybody who reaches it can take part", bind);
    return ERR_OK;
}

err_code_t broker_bind(broker_t *self, err_t *err)
{
    const char *bind = self->region->bind[0] ? self->region->bind : "tcp://127.0.0.1:*";
    char path[TOPOLOGY_TEXT_MAX], endpoint[TOPOLOGY_TEXT_MAX + 8], address[TOPOLOGY_TEXT_MAX];
    err_code_t code = s_check_exposure(self, bind, err);
    if (code == ERR_OK)
        code = s_open_router(self, err);
    if (code == ERR_OK)
        code = address_to_bind(bind, address, err);
    if (code == ERR_OK)
        code = s_bind_one(self, address, "broker.bind", self->tcp, sizeof self->tcp, err);
    if (code == ERR_OK)
        code = broker_socket_path(path, err);
    if (code == ERR_OK) {
        snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
        code = s_bind_one(self, endpoint, "the permissions of TMPDIR", self->ipc, sizeof self->ipc, err);
    }
    if (code == ERR_OK) {
        snprintf(endpoint, sizeof endpoint, "inproc://broker-%016llx", (unsigned long long)rng_entropy());
        code = s_bind_one(self, endpoint, "the limit of open files", self->inproc, sizeof self->inproc, err);
    }
    return code;
}
