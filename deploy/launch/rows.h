/* rows - figures that are shown, declared once: name, unit, help; documents, tables and explanations walk the
 * list.
 *
 * Why      what a figure is called, what it means and how it is written must not differ between a program's
 *          JSON and a person's table, and a new one is a line.
 * How      a row is a struct; a list of fields says where in it each figure lies. Lists end with a field
 *          without a name. Of a list that serves a run that goes on and its report, a field says in which of
 *          them it is.
 * Units    "s" is written as a duration, "bytes" and "bytes/s" with their prefixes, "share" in percent,
 *          "price" to the millionth.
 * Threads  constant: any.
 */
#ifndef DEPLOY_LAUNCH_ROWS_H
#define DEPLOY_LAUNCH_ROWS_H

#include "codec/base/json.h"

#include <stddef.h>
#include <stdio.h>

typedef enum {
    ROW_COUNT,
    ROW_NUMBER,
    ROW_BOOL,
    ROW_TEXT
} row_type_t; /* uint64_t, double, bool, const char * */

typedef enum { ROW_ALWAYS, ROW_LIVE, ROW_FINAL } row_when_t; /* while it goes on; when it is over */

typedef struct {
    const char *name; /* in documents */
    const char *unit; /* "": none */
    const char *help;
    row_type_t type;
    size_t offset;          /* in the row's struct */
    const char *head;       /* of its column in a table; NULL: in documents alone */
    const char *final_head; /* the same of a report's table */
    row_when_t when;
} row_field_t;

#define ROW_FIELD(struct_type, member, row_type, unit, help, head)                                           \
    {                                                                                                        \
#member, unit, help, row_type, offsetof(struct_type, member), head, NULL, ROW_ALWAYS                 \
    }

/* Sets every figure in an object; a number that is not finite becomes null. */
void rows_put(json_value_t *object, const row_field_t *fields, const void *row);

/* The same of those that are there `when`. */
void rows_put_of(json_value_t *object, const row_field_t *fields, row_when_t when, const void *row);

/* One figure of a document as people read it, into a caller's array; "-" when it is not known. */
#define ROWS_TEXT_MAX 256
const char *rows_text(const json_value_t *object, const row_field_t *field, char out[ROWS_TEXT_MAX]);

/* The rows of a document's array below each other, columns as wide as what is in them; the last is not
 * padded. */
void rows_print(const json_value_t *array, const row_field_t *fields, FILE *out);
void rows_print_final(const json_value_t *array, const row_field_t *fields, FILE *out); /* of a report */

/* "regions[].samples_per_s  samples/s  what it is", a line each. */
void rows_explain(const char *where, const row_field_t *fields, FILE *out);

#endif
