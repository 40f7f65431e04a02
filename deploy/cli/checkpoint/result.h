/* result - what a command of `cloudless checkpoint` says: rows about stores and snapshots, for people or as
 * JSON.
 *
 * Why      every command builds the same document; text is printed from it, so the two cannot disagree.
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_RESULT_H
#define DEPLOY_CLI_CHECKPOINT_RESULT_H

#include "codec/base/json.h"
#include "deploy/cli/commands.h"
#include "store/manifest.h"

#include <stdbool.h>

/* Options that many commands share. */
#define RESULT_STATE_OPTION                                                                                  \
    {                                                                                                        \
        "state", 's', "DIR", COMMANDS_STATE                                                                  \
    }
#define RESULT_REGION_OPTION                                                                                 \
    {                                                                                                        \
        "region", 'r', "NAME", "this region only"                                                            \
    }
#define RESULT_FORCE_OPTION                                                                                  \
    {                                                                                                        \
        "force", 'f', NULL, "replace what is there"                                                          \
    }
#define RESULT_DRY_OPTION                                                                                    \
    {                                                                                                        \
        "dry-run", 'n', NULL, "say what would be done, and write nothing"                                    \
    }
#define RESULT_HERE_OPTION                                                                                   \
    {                                                                                                        \
        "here", 0, NULL, "other shards of the region lie on other machines: only those here"                 \
    }
#define RESULT_JSON_OPTION                                                                                   \
    {                                                                                                        \
        "json", 0, NULL, "print it as JSON"                                                                  \
    }

typedef struct {
    const char *where; /* name of the command */
    json_value_t *document;
    json_value_t *rows;
    bool json;
    bool dry;
    bool aside; /* standard output is taken: text goes to standard error */
} result_t;

void result_init(result_t *self, const cli_args_t *args, const char *where);
void result_fini(result_t *self);

/* "copied", "would copy": what is done, or with --dry-run would be. */
void result_row(result_t *self, const char *what, const char *store, const manifest_id_t *id,
                uint64_t size_bytes, const char *why);
size_t result_count(const result_t *self);

/* Prints everything, with one last line for people; returns the status. */
int result_end(result_t *self, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Prints an error instead. The status follows from the code: what the caller got wrong is 2, the rest 1. */
int result_fail(const result_t *self, err_code_t code, const err_t *err);

/* Prints a document and destroys it. */
void result_print_json(json_value_t **document_p);

#endif
