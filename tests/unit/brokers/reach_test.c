#include "brokers/reach.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *s_try(const char *endpoint, char text[REACH_TEXT_MAX])
{
    reach_t *reach = reach_begin(endpoint);
    cr_assert_not_null(reach);
    while (!reach_done(reach, text))
        usleep(1000);
    reach_destroy(&reach);
    cr_assert_null(reach);
    return text;
}

Test(reach, tells_who_listens_from_who_does_not_and_from_a_name_that_nobody_knows)
{
    char text[REACH_TEXT_MAX], endpoint[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    cr_assert(strstr(s_try(endpoint, text), "refused"), "%s", text);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_str_eq(s_try(endpoint, text), "");
    close(fd);
    cr_assert(strstr(s_try("tcp://no-such-name.invalid:5590", text), "name unknown: no-such-name.invalid"),
              "%s", text);
    cr_assert(strstr(s_try("ipc:///tmp/cloudless-no-such-socket", text), "No such file"), "%s", text);
}

Test(reach, may_be_let_go_before_it_has_ended)
{
    reach_t *reach = reach_begin("tcp://127.0.0.1:1");
    reach_destroy(&reach);
    reach_destroy(&reach);
}
