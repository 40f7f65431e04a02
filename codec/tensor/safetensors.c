#include "codec/tensor/safetensors.h"

#include "codec/base/json.h"
#include "codec/base/output.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "float arrays are written as they are in memory");

#define LENGTH_SIZE 8
#define ALIGN 8
#define METADATA "__metadata__"
#define SHA256_KEY "parameters_sha256"
#define WRITER "cloudless"

static err_code_t s_io(err_t *err, const char *what, const char *path)
{
    return err_set(err, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, "%s: cannot %s: %s", path,
                   what, strerror(errno));
}

/* Names need no escaping: layout_add admits none that would. */
static int s_print_tensor(FILE *out, const tensor_t *tensor)
{
    fprintf(out, "\"%s\":{\"dtype\":\"F32\",\"shape\":[", tensor->name);
    for (size_t d = 0; d < tensor->rank; d++)
        fprintf(out, "%s%zu", d ? "," : "", tensor->dims[d]);
    return fprintf(out, "],\"data_offsets\":[%zu,%zu]}", tensor->offset * sizeof(float),
                   (tensor->offset + tensor->count) * sizeof(float));
}

/* Prints what the file says of itself, as JSON; free() it. */
static char *s_print_metadata(const layout_t *layout, const float *values, const safetensors_note_t *notes)
{
    char hex[SHA256_HEX_SIZE];
    json_value_t *metadata = json_new_object();
    safetensors_sha256(layout, values, hex);
    json_set_string(metadata, "format", "pt");
    json_set_string(metadata, "written_by", WRITER);
    json_set_string(metadata, SHA256_KEY, hex);
    for (; notes && notes->key; notes++)
        json_set_string(metadata, notes->key, notes->value);
    char *text = json_print(metadata, true);
    json_destroy(&metadata);
    return text;
}

/* Length and JSON header in one block, for the caller to free. */
static err_code_t s_print_header(const layout_t *layout, const float *values, const safetensors_note_t *notes,
                                 char **ret_bytes, size_t *ret_size, err_t *err)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&bytes, &size);
    if (!out)
        return err_set(err, ERR_MEMORY, "no memory for a header");
    fwrite("\0\0\0\0\0\0\0", 1, LENGTH_SIZE, out);
    char *metadata = s_print_metadata(layout, values, notes);
    fprintf(out, "{\"" METADATA "\":%s", metadata);
    free(metadata);
    for (size_t i = 0; i < layout->tensor_count; i++) {
        fputc(',', out);
        s_print_tensor(out, layout->tensors + i);
    }
    fputc('}', out);
    while (ftell(out) % ALIGN)
        fputc(' ', out);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(bytes);
        return err_set(err, ERR_MEMORY, "no memory for a header");
    }
    uint64_t length = size - LENGTH_SIZE;
    memcpy(bytes, &length, LENGTH_SIZE);
    *ret_bytes = bytes;
    *ret_size = size;
    return ERR_OK;
}

err_code_t safetensors_write(const char *path, const layout_t *layout, const float *values,
                             const safetensors_note_t *notes, bool overwrite, err_t *err)
{
    output_t output;
    char *header = NULL;
    size_t header_size = 0;
    err_code_t code = output_begin(&output, path, overwrite, err);
    if (!code)
        code = s_print_header(layout, values, notes, &header, &header_size, err);
    if (!code)
        code = output_write(&output, header, header_size, err);
    if (!code)
        code = output_write(&output, values, layout->count * sizeof *values, err);
    if (!code)
        code = output_finish(&output, err);
    free(header);
    output_abandon(&output);
    return code;
}

static err_code_t s_read_at(int fd, void *data, size_t size, uint64_t offset, const char *path, err_t *err)
{
    for (char *bytes = data; size;) {
        ssize_t got = pread(fd, bytes, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return s_io(err, "read", path);
        if (got == 0)
            return err_set(err, ERR_MALFORMED, "%s: ends at byte %llu, %zu bytes too early", path,
                           (unsigned long long)offset, size);
        bytes += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return ERR_OK;
}

/* The numbers of a JSON array, read from its text; how many, or SIZE_MAX when it is not an array of at most
 * `max` numbers that are whole and not negative. */
static size_t s_read_numbers(const json_value_t *array, size_t max, uint64_t *ret_numbers)
{
    char *text = array ? json_print(array, true) : NULL, *at = text;
    size_t count = 0;
    bool right = at && *at == '[';
    while (right && *at != ']') {
        at += 1 + strspn(at + 1, " ");
        right = count < max && isdigit((unsigned char)*at);
        if (right)
            ret_numbers[count++] = strtoull(at, &at, 10);
        right = right && (*at == ',' || *at == ']');
    }
    right = right && at[1] == '\0';
    free(text);
    return right ? count : SIZE_MAX;
}

static bool s_has_shape(const json_value_t *entry, const tensor_t *tensor)
{
    uint64_t dims[TENSOR_RANK_MAX];
    if (s_read_numbers(json_get(entry, "shape"), TENSOR_RANK_MAX, dims) != tensor->rank)
        return false;
    for (size_t d = 0; d < tensor->rank; d++)
        if (dims[d] != tensor->dims[d])
            return false;
    return true;
}

/* Where in the data a tensor lies, checked against its shape and the data's size. */
static err_code_t s_find_tensor(const char *path, const json_value_t *header, const tensor_t *tensor,
                                uint64_t data_size, uint64_t *ret_first, err_t *err)
{
    const json_value_t *entry = json_get(header, tensor->name);
    uint64_t offsets[2];
    if (!entry)
        return err_set(err, ERR_SHAPE, "%s: no tensor is called %s", path, tensor->name);
    if (strcmp(json_get_string(entry, "dtype", ""), "F32") != 0 || !s_has_shape(entry, tensor))
        return err_set(err, ERR_SHAPE, "%s: tensor %s has another type or shape", path, tensor->name);
    if (s_read_numbers(json_get(entry, "data_offsets"), 2, offsets) != 2 || offsets[0] > offsets[1] ||
        offsets[1] > data_size || offsets[1] - offsets[0] != tensor->count * sizeof(float))
        return err_set(err, ERR_MALFORMED,
                       "%s: tensor %s: its offsets do not fit its shape and the %llu bytes of data", path,
                       tensor->name, (unsigned long long)data_size);
    *ret_first = offsets[0];
    return ERR_OK;
}

/* Finds all tensors. There are as many bytes as the layout has and no two tensors share any: so none is left
 * over. */
static err_code_t s_find_tensors(const char *path, const json_value_t *header, const layout_t *layout,
                                 uint64_t data_size, uint64_t *ret_firsts, err_t *err)
{
    for (size_t i = 0; i < layout->tensor_count; i++) {
        const tensor_t *tensor = layout->tensors + i;
        err_code_t code = s_find_tensor(path, header, tensor, data_size, ret_firsts + i, err);
        if (code)
            return code;
        for (size_t j = 0; j < i; j++)
            if (ret_firsts[i] < ret_firsts[j] + layout->tensors[j].count * sizeof(float) &&
                ret_firsts[j] < ret_firsts[i] + tensor->count * sizeof(float))
                return err_set(err, ERR_MALFORMED, "%s: tensors %s and %s overlap", path,
                               layout->tensors[j].name, tensor->name);
    }
    return ERR_OK;
}

/* The length before the header, checked against the file. */
static err_code_t s_read_length(int fd, const char *path, uint64_t *ret_length, uint64_t *ret_data_size,
                                err_t *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return s_io(err, "read", path);
    uint64_t size = (uint64_t)status.st_size, length = 0;
    err_code_t code = s_read_at(fd, &length, LENGTH_SIZE, 0, path, err);
    if (code)
        return code;
    if (length > SAFETENSORS_HEADER_MAX || length > size - LENGTH_SIZE)
        return err_set(err, ERR_MALFORMED,
                       "%s: declares a header of %llu bytes; the file has %llu and at most %u are read", path,
                       (unsigned long long)length, (unsigned long long)size, SAFETENSORS_HEADER_MAX);
    *ret_length = length;
    *ret_data_size = size - LENGTH_SIZE - length;
    return ERR_OK;
}

static err_code_t s_read_header(int fd, const char *path, uint64_t length, json_value_t **ret_header,
                                bool *ret_ours, err_t *err)
{
    char *text = malloc((size_t)length + 1);
    if (!text)
        return err_set(err, ERR_MEMORY, "%s: no memory for its header", path);
    err_code_t code = s_read_at(fd, text, (size_t)length, LENGTH_SIZE, path, err);
    if (!code && (code = json_parse(text, (size_t)length, ret_header, err)))
        err_prefix(err, code, "%s: header", path);
    *ret_ours = !code && (memmem(text, length, WRITER, strlen(WRITER)) ||
                          memmem(text, length, SHA256_KEY, strlen(SHA256_KEY)));
    free(text);
    return code;
}

/* Files written here say what their values are; those of other programs need not. A file that shows any trace
 * of having been written here must say it. */
static err_code_t s_check_sha256(const char *path, const json_value_t *header, bool ours,
                                 const layout_t *layout, const float *values, err_t *err)
{
    char hex[SHA256_HEX_SIZE];
    const char *wanted = json_get_string(json_get(header, METADATA), SHA256_KEY, NULL);
    if (!wanted && !ours)
        return ERR_OK;
    safetensors_sha256(layout, values, hex);
    return wanted && strcmp(hex, wanted) == 0
               ? ERR_OK
               : err_set(err, ERR_CHECKSUM, "%s: its values do not match their SHA-256", path);
}

static err_code_t s_read_file(int fd, const char *path, const layout_t *layout, float *ret_values, err_t *err)
{
    uint64_t length = 0, data_size = 0, firsts[LAYOUT_TENSORS_MAX];
    json_value_t *header = NULL;
    bool ours = false;
    err_code_t code = s_read_length(fd, path, &length, &data_size, err);
    if (!code && data_size != layout->count * sizeof(float))
        code = err_set(err, ERR_SHAPE, "%s: has %llu bytes of data, expected %zu", path,
                       (unsigned long long)data_size, layout->count * sizeof(float));
    if (!code)
        code = s_read_header(fd, path, length, &header, &ours, err);
    if (!code)
        code = s_find_tensors(path, header, layout, data_size, firsts, err);
    for (size_t i = 0; !code && i < layout->tensor_count; i++) {
        const tensor_t *tensor = layout->tensors + i;
        code = s_read_at(fd, ret_values + tensor->offset, tensor->count * sizeof(float),
                         LENGTH_SIZE + length + firsts[i], path, err);
    }
    if (!code)
        code = s_check_sha256(path, header, ours, layout, ret_values, err);
    json_destroy(&header);
    return code;
}

err_code_t safetensors_read(const char *path, const layout_t *layout, float *ret_values, err_t *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "%s: no such file", path)
                               : s_io(err, "open", path);
    err_code_t code = s_read_file(fd, path, layout, ret_values, err);
    close(fd);
    return code;
}

/* ---- everything that is wrong ---- */

typedef struct {
    safetensors_tell_fn *tell;
    void *hint;
    const char *path;
    size_t told;
} teller_t;

__attribute__((format(printf, 2, 3))) static void s_tell(teller_t *self, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    int length = snprintf(text, sizeof text, "%.200s: ", self->path);
    va_start(args, format);
    vsnprintf(text + length, sizeof text - (size_t)length, format, args);
    va_end(args);
    self->tell(self->hint, text);
    self->told++;
}

static const char *s_print_shape(const tensor_t *tensor, char out[128])
{
    size_t length = 0;
    for (size_t d = 0; d < tensor->rank; d++, length = strlen(out))
        snprintf(out + length, 128 - length, "%s%zu", d ? ", " : "[", tensor->dims[d]);
    snprintf(out + length, 128 - length, "]");
    return out;
}

static void s_compare_tensor(teller_t *self, const json_value_t *header, const tensor_t *tensor)
{
    char wanted[128];
    const json_value_t *entry = json_get(header, tensor->name);
    s_print_shape(tensor, wanted);
    if (!entry) {
        s_tell(self, "tensor %s is missing; it is F32 %s", tensor->name, wanted);
        return;
    }
    const char *type = json_get_string(entry, "dtype", "");
    if (strcmp(type, "F32") != 0)
        s_tell(self, "tensor %s is of type %.32s; write F32", tensor->name, *type ? type : "nothing");
    if (!s_has_shape(entry, tensor)) {
        const json_value_t *shape = json_get(entry, "shape");
        char *text = shape ? json_print(shape, true) : NULL;
        s_tell(self, "tensor %s has shape %.64s; the model's has %s", tensor->name, text ? text : "none",
               wanted);
        free(text);
    }
}

static void s_compare_names(teller_t *self, const json_value_t *header, const layout_t *layout)
{
    for (const char *key = json_key_after(header, NULL); key; key = json_key_after(header, key)) {
        bool known = strcmp(key, METADATA) == 0;
        for (size_t i = 0; i < layout->tensor_count; i++)
            known = known || strcmp(key, layout->tensors[i].name) == 0;
        if (!known)
            s_tell(self, "tensor %.64s is none of the model's; leave it out, or give it the right name", key);
    }
}

err_code_t safetensors_compare(const char *path, const layout_t *layout, safetensors_tell_fn *tell,
                               void *hint, err_t *err)
{
    teller_t teller = {tell, hint, path, 0};
    json_value_t *header = NULL;
    uint64_t length = 0, data_size = 0;
    bool ours;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "%s: no such file", path)
                               : s_io(err, "open", path);
    err_code_t code = s_read_length(fd, path, &length, &data_size, err);
    if (!code)
        code = s_read_header(fd, path, length, &header, &ours, err);
    close(fd);
    for (size_t i = 0; !code && i < layout->tensor_count; i++)
        s_compare_tensor(&teller, header, layout->tensors + i);
    if (!code)
        s_compare_names(&teller, header, layout);
    json_destroy(&header);
    return code || !teller.told
               ? code
               : err_set(err, ERR_SHAPE, "%s: does not fit the model: %zu mistakes", path, teller.told);
}

void safetensors_sha256(const layout_t *layout, const float *values, char ret_hex[SHA256_HEX_SIZE])
{
    sha256_t *sha256 = sha256_new();
    sha256_update(sha256, values, layout->count * sizeof *values);
    sha256_final(sha256, ret_hex);
    sha256_destroy(&sha256);
}
