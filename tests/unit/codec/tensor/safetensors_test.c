#include "codec/tensor/safetensors.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER                                                                                               \
    "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"                             \
    "\"a.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]}}"

static const float VALUES[] = {0, -1.5f, 2, 3e38f, 1e-40f, -0.0f, 7, 8};

typedef struct {
    char dir[64], path[96];
    layout_t layout;
} case_t;

static case_t s_new(void)
{
    case_t self = {.dir = "/tmp/cloudless-safetensors-XXXXXX"};
    cr_assert(mkdtemp(self.dir));
    snprintf(self.path, sizeof self.path, "%s/model.safetensors", self.dir);
    cr_assert_eq(layout_add(&self.layout, "a.weight", 2, (size_t[]){2, 3}, NULL), ERR_OK);
    cr_assert_eq(layout_add(&self.layout, "a.bias", 1, (size_t[]){2}, NULL), ERR_OK);
    return self;
}

static void s_destroy(case_t *self)
{
    unlink(self->path);
    cr_assert_eq(rmdir(self->dir), 0, "no other file is left");
}

static size_t s_load(const case_t *self, char *bytes, size_t size)
{
    FILE *file = fopen(self->path, "rb");
    cr_assert(file);
    size_t got = fread(bytes, 1, size, file);
    fclose(file);
    return got;
}

static void s_store(const case_t *self, const void *bytes, size_t size)
{
    FILE *file = fopen(self->path, "wb");
    cr_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

/* A file with this header and so many bytes of data. */
static void s_store_header(const case_t *self, const char *header, size_t data_size)
{
    char bytes[1024] = {0};
    uint64_t length = strlen(header);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    memcpy(bytes + 8 + length, VALUES, data_size < sizeof VALUES ? data_size : sizeof VALUES);
    s_store(self, bytes, 8 + length + data_size);
}

static void s_check_refused(const case_t *self, err_code_t code)
{
    float values[8];
    err_t err = {0};
    err_code_t got = safetensors_read(self->path, &self->layout, values, &err);
    cr_assert_eq(got, code, "%s: %s", err_name(got), err.text);
    cr_assert(err.code == code && strstr(err.text, self->path), "%s", err.text);
}

Test(safetensors, bytes_are_those_of_the_format)
{
    case_t self = s_new();
    char bytes[512];
    cr_assert_eq(safetensors_write(self.path, &self.layout, VALUES, NULL, false, NULL), ERR_OK);
    size_t size = s_load(&self, bytes, sizeof bytes);
    uint64_t length = 0;
    for (size_t i = 8; i-- > 0;)
        length = length << 8 | (unsigned char)bytes[i];
    cr_assert_eq(length % 8, 0);
    cr_assert_eq(size, 8 + length + sizeof VALUES);
    char expected[512], hex[SHA256_HEX_SIZE];
    safetensors_sha256(&self.layout, VALUES, hex);
    snprintf(expected, sizeof expected,
             "{\"__metadata__\":{\"format\": \"pt\", \"written_by\": \"cloudless\", \"parameters_sha256\": "
             "\"%s\"},%s",
             hex, &HEADER[1]);
    cr_assert(length >= strlen(expected) && memcmp(bytes + 8, expected, strlen(expected)) == 0);
    for (size_t i = 8 + strlen(expected); i < 8 + length; i++)
        cr_assert_eq(bytes[i], ' ');
    cr_assert_eq(memcmp(bytes + 8 + length, VALUES, sizeof VALUES), 0);
    s_destroy(&self);
}

Test(safetensors, roundtrip)
{
    case_t self = s_new();
    float values[8];
    cr_assert_eq(safetensors_write(self.path, &self.layout, VALUES, NULL, false, NULL), ERR_OK);
    cr_assert_eq(safetensors_read(self.path, &self.layout, values, NULL), ERR_OK);
    cr_assert_eq(memcmp(values, VALUES, sizeof VALUES), 0);
    s_destroy(&self);
}

Test(safetensors, notes_are_in_the_metadata)
{
    case_t self = s_new();
    char bytes[1024] = "";
    float values[8];
    const safetensors_note_t notes[] = {{"point", "mark/\"noon\""}, {"batches", "488 to 496"}, {NULL, NULL}};
    cr_assert_eq(safetensors_write(self.path, &self.layout, VALUES, notes, false, NULL), ERR_OK);
    s_load(&self, bytes, sizeof bytes - 1);
    cr_assert(strstr(bytes + 8, "\"point\": \"mark/\\\"noon\\\"\", \"batches\": \"488 to 496\"}"), "%s",
              bytes + 8);
    cr_assert_eq(safetensors_read(self.path, &self.layout, values, NULL), ERR_OK);
    s_destroy(&self);
}

Test(safetensors, a_changed_value_is_refused)
{
    case_t self = s_new();
    char bytes[512];
    cr_assert_eq(safetensors_write(self.path, &self.layout, VALUES, NULL, false, NULL), ERR_OK);
    size_t size = s_load(&self, bytes, sizeof bytes);
    bytes[size - 3] ^= 1;
    s_store(&self, bytes, size);
    s_check_refused(&self, ERR_CHECKSUM);
    memcpy(memmem(bytes, size, "parameters_sha256", 17), "Parameters_sha256",
           17); /* no excuse to check nothing */
    s_store(&self, bytes, size);
    s_check_refused(&self, ERR_CHECKSUM);
    s_destroy(&self);
}

Test(safetensors, overwrites_only_when_told)
{
    case_t self = s_new();
    float values[8], zeros[8] = {0};
    err_t err;
    cr_assert_eq(safetensors_write(self.path, &self.layout, VALUES, NULL, false, NULL), ERR_OK);
    cr_assert_eq(safetensors_write(self.path, &self.layout, zeros, NULL, false, &err), ERR_EXISTS);
    cr_assert(strstr(err.text, self.path), "%s", err.text);
    cr_assert_eq(safetensors_read(self.path, &self.layout, values, NULL), ERR_OK);
    cr_assert_eq(memcmp(values, VALUES, sizeof VALUES), 0);
    cr_assert_eq(safetensors_write(self.path, &self.layout, zeros, NULL, true, NULL), ERR_OK);
    cr_assert_eq(safetensors_read(self.path, &self.layout, values, NULL), ERR_OK);
    cr_assert_eq(memcmp(values, zeros, sizeof zeros), 0);
    s_destroy(&self);
}

Test(safetensors, a_failed_write_leaves_nothing)
{
    case_t self = s_new();
    char path[160];
    err_t err;
    snprintf(path, sizeof path, "%s/no/such/dir/x", self.dir);
    cr_assert_eq(safetensors_write(path, &self.layout, VALUES, NULL, false, &err), ERR_NOT_FOUND);
    cr_assert(strstr(err.text, path), "%s", err.text);
    cr_assert_eq(safetensors_write(self.dir, &self.layout, VALUES, NULL, true, &err), ERR_USAGE,
                 "a directory");
    s_destroy(&self);
}

/* Others write the tensors in another order, with more in the header. */
Test(safetensors, reads_what_others_wrote)
{
    case_t self = s_new();
    float values[8];
    s_store_header(&self,
                   "{\"__metadata__\":{\"format\":\"pt\"}, \"a.bias\":{\"dtype\":\"F32\",\"shape\":[2],"
                   "\"data_offsets\":[0,8]},\n\"a.weight\":{\"shape\": [2, 3],\"data_offsets\":[8, 32],"
                   "\"dtype\":\"F32\"}}   ",
                   32);
    err_t err;
    cr_assert_eq(safetensors_read(self.path, &self.layout, values, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(memcmp(values, VALUES + 2, 6 * sizeof *values), 0);
    cr_assert_eq(memcmp(values + 6, VALUES, 2 * sizeof *values), 0);
    s_destroy(&self);
}

Test(safetensors, refuses_a_file_cut_anywhere)
{
    case_t self = s_new();
    char bytes[512];
    cr_assert_eq(safetensors_write(self.path, &self.layout, VALUES, NULL, false, NULL), ERR_OK);
    size_t size = s_load(&self, bytes, sizeof bytes);
    uint64_t length;
    memcpy(&length, bytes, 8);
    for (size_t cut = 0; cut < size; cut++) {
        s_store(&self, bytes, cut);
        s_check_refused(&self, cut < 8 + length ? ERR_MALFORMED : ERR_SHAPE);
    }
    unlink(self.path);
    s_check_refused(&self, ERR_NOT_FOUND);
    s_destroy(&self);
}

Test(safetensors, refuses_wrong_headers)
{
    case_t self = s_new();
    const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, 41, SAFETENSORS_HEADER_MAX + 1};
    for (size_t i = 0; i < 4; i++) {
        char bytes[48] = {0};
        memcpy(bytes, lengths + i, 8);
        s_store(&self, bytes, sizeof bytes);
        s_check_refused(&self, ERR_MALFORMED);
    }
#define BIAS ",\"a.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]}}"
#define WEIGHT(dtype, shape, offsets)                                                                        \
    "{\"a.weight\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}" BIAS
    const struct {
        const char *header;
        err_code_t code;
    } cases[] = {
        {"not json", ERR_MALFORMED},
        {"[]", ERR_SHAPE},
        {"{}", ERR_SHAPE},
        {"{\"a.weight\":7" BIAS, ERR_SHAPE},
        {WEIGHT("\"F16\"", "[2,3]", "[0,24]"), ERR_SHAPE},
        {WEIGHT("5", "[2,3]", "[0,24]"), ERR_SHAPE},
        {WEIGHT("\"F32\"", "[3,2]", "[0,24]"), ERR_SHAPE},
        {WEIGHT("\"F32\"", "[6]", "[0,24]"), ERR_SHAPE},
        {WEIGHT("\"F32\"", "\"[2,3]\"", "[0,24]"), ERR_SHAPE},
        {WEIGHT("\"F32\"", "[2,3]", "[0,23]"), ERR_MALFORMED},
        {WEIGHT("\"F32\"", "[2,3]", "[24,0]"), ERR_MALFORMED},
        {WEIGHT("\"F32\"", "[2,3]", "[16,40]"), ERR_MALFORMED},
        {WEIGHT("\"F32\"", "[2,3]", "[8,32]"), ERR_MALFORMED}, /* overlaps the bias */
        {WEIGHT("\"F32\"", "[2,3]", "[-24,0]"), ERR_MALFORMED},
        {WEIGHT("\"F32\"", "[2,3]", "[0,24,48]"), ERR_MALFORMED},
        {WEIGHT("\"F32\"", "[2,3]", "[0]"), ERR_MALFORMED},
        {WEIGHT("\"F32\"", "[2,3]", "[0,99999999999999999999999]"), ERR_MALFORMED},
        {WEIGHT("\"F32\"", "[2,3]", "{\"0\":24}"), ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s_store_header(&self, cases[i].header, 32);
        s_check_refused(&self, cases[i].code);
    }
    s_store_header(&self, HEADER, 36);
    s_check_refused(&self, ERR_SHAPE);
    s_destroy(&self);
}

/* The digest is that of the data part of the file, and a known one for known bytes. */
Test(safetensors, sha256_is_of_the_tensor_bytes)
{
    case_t self = s_new();
    char hex[SHA256_HEX_SIZE], other[SHA256_HEX_SIZE], bytes[512];
    cr_assert_eq(safetensors_write(self.path, &self.layout, VALUES, NULL, false, NULL), ERR_OK);
    size_t size = s_load(&self, bytes, sizeof bytes);
    safetensors_sha256(&self.layout, VALUES, hex);
    sha256_t *sha256 = sha256_new();
    sha256_update(sha256, bytes + size - sizeof VALUES, sizeof VALUES);
    sha256_final(sha256, other);
    sha256_destroy(&sha256);
    cr_assert_str_eq(hex, other);
    float zeros[8] = {0};
    safetensors_sha256(&self.layout, zeros, hex);
    cr_assert_str_eq(hex, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925",
                     "32 zero bytes");
    s_destroy(&self);
}
