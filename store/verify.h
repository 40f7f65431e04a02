/* verify - reads all snapshots of a store and says what is wrong with them.
 *
 * Why      a store's file has no checksums of its own, and a damaged one can kill the process that maps it:
 *          so a doubtful store is read whole by a short-lived child before anybody opens it.
 * Not      repair.
 * Threads  any. verify_dir forks; the child opens the directory itself, for an LMDB environment
 *          must not cross a fork.
 */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include "codec/base/err.h"
#include "store/kv.h"
#include "store/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERIFY_TEXT_MAX 256
#define VERIFY_PROBLEMS_MAX 1000 /* further ones are counted only */

typedef struct {
    uint64_t number;                  /* of the snapshot; 0: of the store as a whole */
    char name[MANIFEST_NAME_MAX + 1]; /* of the value; empty: the manifest or the store */
    err_code_t code;
    char text[VERIFY_TEXT_MAX]; /* one line, complete in itself */
} verify_problem_t;

typedef struct {
    uint64_t snapshots; /* manifests found, also damaged ones */
    uint64_t values;    /* read and checked; one that several snapshots name counts once in each */
    uint64_t size_bytes;
    uint64_t orphans;       /* stored pieces that no manifest names: left by a crash, no problem */
    uint64_t newest;        /* number; 0: none */
    uint64_t newest_good;   /* the newest without a problem */
    uint64_t problem_total; /* 0: all is well */
    bool killed;            /* the reading child died or hung: the file must not be opened */
    verify_problem_t *problems;
    size_t problem_count;
} verify_report_t;

/* Reads everything in an open kv. A store that another process writes meanwhile is fine: what it removed is
 * no problem.
 *
 *   out  ret_report  given back with verify_report_fini; problems are no error
 *
 * Errors   ERR_IO, ERR_MEMORY
 */
MUST_USE err_code_t verify_kv(kv_t *kv, verify_report_t *ret_report, err_t *err);

/* The same for a directory of kv_lmdb, in a child process. A child that dies, or makes no progress for long,
 * is a problem in the report (killed).
 *
 * Errors   ERR_NOT_FOUND (no store there), ERR_IO (no pipe, no process), ERR_MEMORY
 */
MUST_USE err_code_t verify_dir(const char *dir, verify_report_t *ret_report, err_t *err);

/* The same for a store that holds no snapshots (a scheduler's): every key is read. What its values mean is
 * their owner's to check. Errors: as verify_dir. */
MUST_USE err_code_t verify_keys_dir(const char *dir, verify_report_t *ret_report, err_t *err);

void verify_report_fini(verify_report_t *report);

#endif
