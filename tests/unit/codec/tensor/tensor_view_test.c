#include "codec/tensor/tensor_view.h"

#include <criterion/criterion.h>
#include <string.h>

static size_t s_file(const char *header, size_t data, uint8_t bytes[512])
{
    memset(bytes, 0, 512);
    bytes[0] = (uint8_t)strlen(header);
    memcpy(bytes + 8, header, strlen(header));
    return 8 + strlen(header) + data;
}

Test(tensor_view, tells_type_shape_and_place)
{
    uint8_t bytes[512];
    const char *header = "{\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]},"
                         "\"a\":{\"dtype\":\"BF16\",\"shape\":[2,1,2],\"data_offsets\":[0,8]}}";
    size_t size = s_file(header, 9, bytes);
    tensor_view_t view;
    cr_assert_eq(tensor_view_find("f", bytes, size, "a", &view, NULL), ERR_OK);
    cr_assert(!strcmp(view.type, "BF16") && view.rank == 3 && view.dims[0] == 2 && view.dims[1] == 1 &&
              view.dims[2] == 2 && view.count == 4 && view.bytes == bytes + size - 9 && view.size_bytes == 8);
    cr_assert_eq(tensor_view_find("f", bytes, size, "b", &view, NULL), ERR_OK);
    cr_assert(view.rank == 0 && view.count == 1 && view.bytes == bytes + size - 1);
    cr_assert_eq(tensor_view_find("f", bytes, size, "c", &view, NULL), ERR_NOT_FOUND);
}

Test(tensor_view, refuses_what_cannot_be)
{
    static const struct {
        const char *header;
        err_code_t code;
    } rows[] = {
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[3,10]}}", ERR_MALFORMED},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[3,2]}}", ERR_MALFORMED},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[3]}}", ERR_MALFORMED},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,1]}}", ERR_MALFORMED},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,1]}}",
         ERR_MALFORMED},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", ERR_LIMIT},
        {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", ERR_MALFORMED},
        {"{\"a\":7}", ERR_MALFORMED},
        {"[]", ERR_NOT_FOUND},
        {"{", ERR_MALFORMED},
    };
    uint8_t bytes[512];
    tensor_view_t view = {.rank = 99};
    err_t err;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = s_file(rows[i].header, 9, bytes);
        cr_assert_eq(tensor_view_find("f", bytes, size, "a", &view, &err), rows[i].code, "%zu: %s", i,
                     err.text);
        cr_assert(!strncmp(err.text, "f: ", 3) && !strchr(err.text, '\n'), "%s", err.text);
    }
    for (size_t size = 0; size < 8; size++)
        cr_assert_eq(tensor_view_find("f", bytes, size, "a", &view, &err), ERR_MALFORMED);
    memset(bytes, 0xff, 8);
    cr_assert_eq(tensor_view_find("f", bytes, 512, "a", &view, &err), ERR_MALFORMED);
    cr_assert_eq(view.rank, 99);
}
