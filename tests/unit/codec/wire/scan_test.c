#include "codec/wire/scan.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const scan_limits_t s_limits = {.depth = 4, .elements = 40};

/* "82 01 ff" to bytes in a block of exactly their number. */
static uint8_t *s_bytes(const char *hex, size_t *ret_size)
{
    size_t size = 0;
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    for (; *hex; hex++)
        if (*hex != ' ') {
            char digits[3] = {hex[0], hex[1], 0};
            bytes[size++] = (uint8_t)strtoul(digits, NULL, 16);
            hex++;
        }
    *ret_size = size;
    return realloc(bytes, size ? size : 1);
}

static err_code_t s_scan(const char *hex, scan_t *scan, err_t *err)
{
    size_t size;
    uint8_t *bytes = s_bytes(hex, &size);
    err_code_t code = scan_msgpack(bytes, size, &s_limits, scan, err);
    free(bytes);
    return code;
}

Test(scan, accepts_every_value_of_msgpack)
{
    static const char *const good[] = {
        "80",
        "de 0000",
        "df 00000000",
        "81 01 00",
        "81 cc01 7f",
        "81 cf0000000000000001 7f",
        "81 01 ff",
        "81 01 c0",
        "82 01 c2 02 c3",
        "81 01 ca 3f800000",
        "81 01 cb 3ff0000000000000",
        "84 01 cc ff 02 cd ffff 03 ce ffffffff 04 cf ffffffffffffffff",
        "84 01 d0 80 02 d1 8000 03 d2 80000000 04 d3 8000000000000000",
        "81 01 a3 616263",
        "83 01 d9 01 61 02 da 0001 61 03 db 00000001 61",
        "83 01 c4 01 ff 02 c5 0001 ff 03 c6 00000001 ff",
        "85 01 d4 01 00 02 d5 01 0000 03 d6 01 00000000 04 d7 01 0000000000000000 05 "
        "d8 01 00000000000000000000000000000000",
        "83 01 c7 00 01 02 c8 0001 01 00 03 c9 00000001 01 00",
        "83 01 90 02 dc 0001 00 03 dd 00000001 00",
        "81 01 81 a1 61 91 c0",
        "81 ccff 00",
        "82 02 00 01 00",
    };
    for (size_t row = 0; row < sizeof good / sizeof good[0]; row++) {
        scan_t scan;
        err_t err = {0};
        cr_assert_eq(s_scan(good[row], &scan, &err), ERR_OK, "%s: %s", good[row], err.text);
        cr_assert_not(scan.has_data);
    }
}

Test(scan, finds_the_announced_data)
{
    scan_t scan;
    cr_assert_eq(s_scan("82 01 07 00 c6 00100001", &scan, NULL), ERR_OK);
    cr_assert(scan.has_data);
    cr_assert_eq(scan.data_bytes, 0x100001);
    cr_assert_eq(scan.field_count, 2);
    cr_assert_eq(s_scan("81 00 c6 00000000", &scan, NULL), ERR_OK);
    cr_assert(scan.has_data);
    cr_assert_eq(scan.data_bytes, 0);
}

Test(scan, refuses_and_says_where)
{
    static const struct {
        const char *hex;
        err_code_t code;
        const char *text; /* how the error begins */
    } bad[] = {
        {"", ERR_MALFORMED, "byte 0: the bytes end"},
        {"90", ERR_MALFORMED, "byte 0: the frame is array"},
        {"c0", ERR_MALFORMED, "byte 0: the frame is nil"},
        {"c1", ERR_MALFORMED, "byte 0: 0xc1"},
        {"81 01", ERR_MALFORMED, "byte 0: a declared length"},
        {"82 01 00", ERR_MALFORMED, "byte 0: a declared length"},
        {"82 01 a2 6161", ERR_MALFORMED, "byte 5: the bytes end"},
        {"80 00", ERR_MALFORMED, "byte 1: bytes behind"},
        {"81 01 00 00", ERR_MALFORMED, "byte 3: bytes behind"},
        {"81 01 c1", ERR_MALFORMED, "byte 2: 0xc1"},
        {"81 01 cd 01", ERR_MALFORMED, "byte 2: the bytes end"},
        {"81 01 a3 6162", ERR_MALFORMED, "byte 2: a declared length"},
        {"81 01 db ffffffff 61", ERR_MALFORMED, "byte 2: a declared length"},
        {"81 01 c6 ffffffff 61", ERR_MALFORMED, "byte 2: a declared length"},
        {"81 01 c9 ffffffff 61 61", ERR_MALFORMED, "byte 2: a declared length"},
        {"81 01 dd ffffffff 00", ERR_MALFORMED, "byte 2: a declared length"},
        {"81 01 df ffffffff 00", ERR_MALFORMED, "byte 2: a declared length"},
        {"81 01 df 80000000 00", ERR_MALFORMED, "byte 2: a declared length"},
        {"df ffffffff 01 00", ERR_MALFORMED, "byte 0: a declared length"},
        {"81 01 d8 01 00", ERR_MALFORMED, "byte 2: a declared length"},
        {"81 ff 00", ERR_MALFORMED, "byte 1: a key is negative integer"},
        {"81 a1 61 00", ERR_MALFORMED, "byte 1: a key is str"},
        {"81 cd 0100 00", ERR_LIMIT, "byte 1: field number above 255"},
        {"82 01 00 01 00", ERR_MALFORMED, "byte 3: field 1 comes twice"},
        {"82 01 00 cc01 00", ERR_MALFORMED, "byte 3: field 1 comes twice"},
        {"82 ccff 00 ccff 00", ERR_MALFORMED, "byte 4: field 255 comes twice"},
        {"82 00 c6 00000000 01", ERR_MALFORMED, "byte 2: key 0"},
        {"82 00 c6 00000000 01 00", ERR_MALFORMED, "byte 2: key 0"},
        {"81 00 c6 000000", ERR_MALFORMED, "byte 2: key 0"},
        {"81 00 c6 00000001 00", ERR_MALFORMED, "byte 2: key 0"},
        {"81 00 c4 00", ERR_MALFORMED, "byte 2: key 0"},
        {"81 00 00", ERR_MALFORMED, "byte 2: key 0"},
        {"81 00 ce 00000000", ERR_MALFORMED, "byte 2: key 0"},
        {"81 01 91 91 91 c0", ERR_OK, NULL},
        {"81 01 91 91 91 91 c0", ERR_LIMIT, "byte 5: nested deeper than 4"},
        {"81 01 91 91 91 81 c0 c0", ERR_LIMIT, "byte 5: nested deeper than 4"},
        {"81 01 dc 0025 00000000000000000000000000000000000000000000000000000000000000000000000000", ERR_OK,
         NULL},
        {"81 01 dc 0026 0000000000000000000000000000000000000000000000000000000000000000000000000000",
         ERR_LIMIT, "byte 42: more than 40 values"},
    };
    for (size_t row = 0; row < sizeof bad / sizeof bad[0]; row++) {
        scan_t scan;
        err_t err = {0};
        cr_assert_eq(s_scan(bad[row].hex, &scan, &err), bad[row].code, "%s: %s", bad[row].hex, err.text);
        if (bad[row].text)
            cr_assert_eq(strncmp(err.text, bad[row].text, strlen(bad[row].text)), 0, "%s: %s", bad[row].hex,
                         err.text);
    }
}

Test(scan, deep_nesting_costs_no_stack)
{
    static uint8_t bytes[1u << 20];
    const scan_limits_t limits = {.depth = SCAN_DEPTH_MAX, .elements = SIZE_MAX};
    scan_t scan;
    memset(bytes, 0x91, sizeof bytes);
    bytes[0] = 0x81;
    bytes[1] = 0x01;
    cr_assert_eq(scan_msgpack(bytes, sizeof bytes, &limits, &scan, NULL), ERR_LIMIT);
}
