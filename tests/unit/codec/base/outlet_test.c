#include "codec/base/outlet.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_US 20000000

/* Standard output or error is the end of a pipe from now on; the other end. */
static int s_pipe_at(int fd)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(dup2(ends[1], fd), fd);
    close(ends[1]);
    return ends[0];
}

static size_t s_read(int fd, char *text, size_t size)
{
    size_t count = 0;
    ssize_t got;
    while (count < size && (got = read(fd, text + count, size - count)) > 0)
        count += (size_t)got;
    return count;
}

/* How much of what is left is in the pipe already depends on when the writing thread came to it: it is read
 * until all is out. */
static size_t s_read_until_flushed(int fd, char *text, size_t size)
{
    size_t count = 0;
    bool flushed = false;
    cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (int64_t waited_us = 0; !flushed && waited_us < PATIENCE_US; waited_us += 20000) {
        count += s_read(fd, text + count, size - count);
        flushed = outlet_flush(STDERR_FILENO, 20000, NULL) == ERR_OK;
    }
    cr_expect(flushed);
    return count + s_read(fd, text + count, size - count);
}

Test(outlet, nobody_waits_for_who_does_not_read_and_what_was_dropped_is_counted, .timeout = 60)
{
    static char line[1024], text[4 * OUTLET_WAITS_MAX];
    int fd = s_pipe_at(STDERR_FILENO);
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (size_t i = 0; i < 4 * OUTLET_WAITS_MAX / sizeof line; i++)
        outlet_write(STDERR_FILENO, line, sizeof line);
    cr_expect_eq(outlet_flush(STDERR_FILENO, 20000, NULL), ERR_TIMEOUT);
    size_t first = s_read(fd, text, OUTLET_WAITS_MAX);
    cr_expect_eq(first, OUTLET_WAITS_MAX);
    outlet_say("the %s\n", "last");
    size_t rest = s_read_until_flushed(fd, text, sizeof text - 1);
    text[rest] = '\0';
    cr_expect_lt(rest, OUTLET_WAITS_MAX, "bounded");
    cr_expect_not_null(strstr(text, " messages dropped: nobody read\nthe last\n"));
}

Test(outlet, standard_output_is_not_dropped_and_who_gives_up_is_told, .timeout = 60)
{
    static char text[4 * OUTLET_WAITS_MAX], back[sizeof text];
    memset(text, 'y', sizeof text);
    int fd = s_pipe_at(STDOUT_FILENO);
    outlet_write(STDOUT_FILENO, text, sizeof text);
    cr_expect_eq(outlet_flush(STDOUT_FILENO, 20000, NULL), ERR_TIMEOUT);
    cr_expect_eq(s_read(fd, back, sizeof back), sizeof text);
    cr_expect_eq(outlet_flush(STDOUT_FILENO, PATIENCE_US, NULL), ERR_OK);
    cr_expect_arr_eq(text, back, sizeof text);
}

Test(outlet, what_is_refused_is_an_error_for_good, .timeout = 60)
{
    err_t err = {0};
    int full = open("/dev/full", O_WRONLY);
    cr_assert_eq(dup2(full, STDOUT_FILENO), STDOUT_FILENO);
    outlet_write(STDOUT_FILENO, "x", 1);
    cr_expect_eq(outlet_flush(STDOUT_FILENO, PATIENCE_US, &err), ERR_FULL);
    cr_expect_str_eq(err.text, "No space left on device");
}

Test(outlet, a_closed_pipe_is_an_error_and_the_next_message_is_tried, .timeout = 60)
{
    signal(SIGPIPE, SIG_IGN);
    close(s_pipe_at(STDOUT_FILENO));
    outlet_write(STDOUT_FILENO, "x", 1);
    cr_expect_eq(outlet_flush(STDOUT_FILENO, PATIENCE_US, NULL), ERR_IO);
    outlet_write(STDOUT_FILENO, "x", 1);
    cr_expect_eq(outlet_flush(STDOUT_FILENO, PATIENCE_US, NULL), ERR_IO);
}
