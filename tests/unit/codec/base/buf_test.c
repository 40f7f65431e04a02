#include "codec/base/buf.h"

#include "codec/base/hash.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

Test(buf, is_aligned_and_counted)
{
    buf_t *buf = buf_new(100);
    cr_assert_eq((uintptr_t)buf_data(buf) % 64, 0);
    cr_assert_eq(buf_size(buf), 100);
    buf_t *other = buf_ref(buf);
    cr_assert_not(buf_is_unique(buf));
    buf_destroy(&other);
    cr_assert_null(other);
    cr_assert(buf_is_unique(buf));
    buf_destroy(&buf);
    buf_destroy(&buf);
    cr_assert_null(buf_ref(NULL));
}

Test(buf, empty_and_impossible_sizes)
{
    buf_t *empty = buf_new(0);
    cr_assert_not_null(empty);
    cr_assert_eq(buf_size(empty), 0);
    buf_destroy(&empty);
    cr_assert_null(buf_new(SIZE_MAX));
}

Test(buf, copies_when_shared_and_only_then)
{
    buf_t *buf = buf_new_copy("abcd", 4), *before = buf;
    cr_assert(buf_make_unique(&buf));
    cr_assert_eq(buf, before);
    buf_t *shared = buf_ref(buf);
    cr_assert(buf_make_unique(&buf));
    cr_assert_neq(buf, shared);
    ((char *)buf_data(buf))[0] = 'x';
    cr_assert_eq(memcmp(buf_peek(shared), "abcd", 4), 0);
    cr_assert_eq(memcmp(buf_peek(buf), "xbcd", 4), 0);
    cr_assert_neq(buf_id(buf), buf_id(shared));
    uint64_t id = buf_id(buf);
    buf_touch(buf);
    cr_assert_neq(buf_id(buf), id);
    buf_destroy(&buf);
    buf_destroy(&shared);
}

static void s_count(void *data, void *hint)
{
    (void)data;
    ++*(int *)hint;
}

Test(buf, wrapped_bytes_are_given_back_once)
{
    int given_back = 0;
    char bytes[4] = "abc";
    buf_t *buf = buf_wrap(bytes, sizeof bytes, s_count, &given_back);
    slice_t slice = slice_of(buf, 1, 2);
    slice_t again = slice_ref(&slice);
    buf_destroy(&buf);
    cr_assert_eq(memcmp(slice_peek(&slice), "bc", 2), 0);
    slice_fini(&slice);
    slice_fini(&slice);
    cr_assert_eq(given_back, 0);
    slice_fini(&again);
    cr_assert_eq(given_back, 1);
    cr_assert_null(slice_peek(&again));
}

Test(buf, a_checksum_is_remembered_until_the_bytes_change)
{
    buf_t *buf = buf_new_copy("abc", 3);
    uint64_t before = hash_checksum("abc", 3), after = hash_checksum("abd", 3);
    cr_assert_eq(buf_checksum(buf), before);
    memcpy(buf_data(buf), "abd", 3);
    cr_assert_eq(buf_checksum(buf), before, "nobody has said that they changed");
    buf_touch(buf);
    cr_assert_eq(buf_checksum(buf), after);
    buf_destroy(&buf);
}

static void *s_share(void *buf)
{
    for (int round = 0; round < 10000; round++) {
        buf_t *mine = buf_ref(buf);
        buf_destroy(&mine);
    }
    return NULL;
}

Test(buf, threads_share_it)
{
    int given_back = 0;
    buf_t *buf = buf_wrap(NULL, 0, s_count, &given_back);
    pthread_t threads[4];
    for (int index = 0; index < 4; index++)
        cr_assert_eq(pthread_create(&threads[index], NULL, s_share, buf), 0);
    for (int index = 0; index < 4; index++)
        pthread_join(threads[index], NULL);
    cr_assert_eq(given_back, 0);
    cr_assert(buf_is_unique(buf));
    buf_destroy(&buf);
    cr_assert_eq(given_back, 1);
}
