#include "deploy/launch/status_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void process_rows_add(json_value_t *document, const process_rows_t *rows)
{
    json_value_t *processes = json_new_array();
    uint64_t restarts = 0;
    for (size_t i = 0; i < rows->count; i++) {
        json_value_t *row = json_new_object();
        json_set_string(row, "name", rows->items[i].name);
        json_set_u64(row, "pid", rows->items[i].pid);
        json_set_u64(row, "restarts", rows->items[i].restarts);
        if (rows->items[i].died[0])
            json_set_string(row, "died", rows->items[i].died);
        if (rows->items[i].waits_for[0])
            json_set_string(row, "waits_for", rows->items[i].waits_for);
        json_add_moved(processes, &row);
        restarts += rows->items[i].restarts;
    }
    json_set_u64(document, "process_restarts", restarts);
    json_set_moved(document, "processes", &processes);
}

/* A full disk has no room for a second file, and is just what people look here for: the blocks of the old one
 * take the new text. */
static bool s_overwrite(const char *path, const char *text)
{
    size_t length = strlen(text);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written =
        fd >= 0 && pwrite(fd, text, length, 0) == (ssize_t)length && ftruncate(fd, (off_t)length) == 0;
    if (fd >= 0)
        close(fd);
    return written;
}

err_code_t status_file_write(const char *path, const char *text, err_t *err)
{
    char temporary[2048];
    snprintf(temporary, sizeof temporary, "%s.%d", path, (int)getpid());
    FILE *out = fopen(temporary, "we");
    if (!out)
        return err_set(err, ERR_IO, "%s: %s", temporary, strerror(errno));
    bool written = fputs(text, out) >= 0;
    if (!fclose(out) && written && !rename(temporary, path))
        return ERR_OK;
    bool full = errno == ENOSPC;
    err_code_t rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    unlink(temporary);
    return full && s_overwrite(path, text) ? ERR_OK : rc;
}
