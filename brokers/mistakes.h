/* mistakes - everything that is wrong with a topology, in the order in which it is read, so that one call
 * tells all of it.
 *
 * Why      who corrects a file wants to do so once; and what is wrong by itself must not make other things
 *          look wrong.
 * Threads  one owner.      Limits  MISTAKES_MAX are kept, more are counted.
 */
#ifndef BROKERS_MISTAKES_H
#define BROKERS_MISTAKES_H

#include "codec/base/err.h"

#include <stddef.h>

#define MISTAKES_MAX 64
#define MISTAKES_NOTES_MAX 32
#define MISTAKES_KEY_MAX 128
#define MISTAKES_PLACE_MAX 320

typedef struct {
    char key[MISTAKES_KEY_MAX]; /* "regions[1].shards"; "": of no key */
    char text[ERR_TEXT_MAX];    /* "": nothing to be told, the key is only not to be relied on */
} mistake_t;

typedef struct {
    mistake_t rows[MISTAKES_MAX];
    size_t count; /* of rows */
    size_t told;  /* of these that have a text */
    size_t more;  /* that found no room */
    char notes[MISTAKES_NOTES_MAX]
              [ERR_TEXT_MAX]; /* what is not wrong but comes to nothing: for check alone */
    size_t note_count;
    /* Where the file, or --set, says what data and model are: for what is found out about these later. */
    char data_place[MISTAKES_PLACE_MAX];
    char shards_place[MISTAKES_PLACE_MAX];
} mistakes_t;

/* A zeroed one to free(); aborts without memory. */
mistakes_t *mistakes_new(void);
void mistakes_add(mistakes_t *self, const char *key, const char *text);

/* Returns whether `key`, what lies below it, or what it lies in, is wrong: nothing else may be said about it.
 * "regions[].name" stands for that key of every element. `self` may be NULL. */
bool mistakes_touch(const mistakes_t *self, const char *key);

/* Returns whether any of "A|B|C" is touched. */
bool mistakes_touch_any(const mistakes_t *self, const char *keys);

#endif
