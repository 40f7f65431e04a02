/* json - documents that programs read: reports, status, schemas; the one place that calls libjansson.
 *
 * Why      a small vocabulary over jansson, so that every --json output is built the same way, in a stable
 *          order.
 * Threads  one owner per document.       Limits  memory; running out of it aborts (documents are small).
 */
#ifndef CODEC_BASE_JSON_H
#define CODEC_BASE_JSON_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct json_value json_value_t; /* an owned document or a borrowed part of one */

json_value_t *json_new_object(void);
json_value_t *json_new_array(void);
void json_destroy(json_value_t **self_p);
json_value_t *json_dup(const json_value_t *self); /* all of it */

/* Keys are set in call order and printed in that order; a key set again is replaced. NaN and Inf become null,
 * bytes that are not UTF-8 become '?', a u64 above 2^63 - 1 the nearest double. */
void json_set_string(json_value_t *object, const char *key, const char *value); /* NULL gives null */
void json_set_u64(json_value_t *object, const char *key, uint64_t value);
void json_set_i64(json_value_t *object, const char *key, int64_t value);
void json_set_number(json_value_t *object, const char *key, double value);
void json_set_bool(json_value_t *object, const char *key, bool value);
void json_set_moved(json_value_t *object, const char *key, json_value_t **value_p); /* takes the value */
void json_add_string(json_value_t *array, const char *value);
void json_add_u64(json_value_t *array, uint64_t value);
void json_add_number(json_value_t *array, double value);
void json_add_moved(json_value_t *array, json_value_t **value_p); /* takes the value */

/* Reading: borrowed parts, valid while the document lives; NULL or the default when absent or of another
 * type. */
const json_value_t *json_get(const json_value_t *object, const char *key);
const char *json_key_after(const json_value_t *object, const char *key); /* NULL: the first; then the end */
const json_value_t *json_at(const json_value_t *array, size_t index);
size_t json_count(const json_value_t *array);
const char *json_get_string(const json_value_t *object, const char *key, const char *otherwise);
uint64_t json_u64(const json_value_t *self, uint64_t otherwise); /* the value itself */
uint64_t json_get_u64(const json_value_t *object, const char *key, uint64_t otherwise);
double json_get_number(const json_value_t *object, const char *key, double otherwise);
bool json_get_bool(const json_value_t *object, const char *key, bool otherwise);

/* Text with two-space indentation and a final newline (compact: one line without it); the caller frees it. */
char *json_print(const json_value_t *self, bool compact);
/* ERR_MALFORMED with the line of the mistake. */
MUST_USE err_code_t json_parse(const char *text, size_t size, json_value_t **ret_self, err_t *err);
/* Whole file, written as codec/base/output.h says; and back (at most 64 MiB). */
MUST_USE err_code_t json_write_file(const json_value_t *self, const char *path, err_t *err);
MUST_USE err_code_t json_read_file(const char *path, json_value_t **ret_self, err_t *err);

#endif
