/* safetensors - parameters as a file that other programs read: names, shapes and raw float32.
 *
 *   bytes 0..7   length of the header, little-endian
 *   header       JSON: {"__metadata__":{...},"conv1.weight":{"dtype":"F32","shape":[20,1,5,5],
 *                "data_offsets":[0,2000]},...}, padded with spaces so that the data is aligned to 8 bytes;
 *                the metadata are format, written_by and parameters_sha256, the SHA-256 of the tensor bytes
 *                in the order of the layout
 *   data         the tensors, little-endian, at their offsets from here
 *
 * Why      a trained model must not need this program to be used.
 * Threads  any.       Limits  headers of SAFETENSORS_HEADER_MAX bytes.
 * Source   the format's description in the repository of safetensors (Hugging Face), section "Format".
 */
#ifndef CODEC_TENSOR_SAFETENSORS_H
#define CODEC_TENSOR_SAFETENSORS_H

#include "codec/base/err.h"
#include "codec/base/hash.h"
#include "codec/tensor/layout.h"

#include <stdbool.h>

#define SAFETENSORS_HEADER_MAX (1U << 20)

/* A line of the file's metadata. */
typedef struct {
    const char *key, *value;
} safetensors_note_t;

/* Writes values (layout->count) float32 to path as codec/base/output.h says: whole or not at all, and never
 * in place of a file that is there unless `overwrite`.
 *
 *   in   notes  more metadata, ended by a row without a key; NULL: none
 *
 * Errors   ERR_EXISTS (path is there), ERR_LIMIT (path too long), ERR_MEMORY, ERR_IO, ERR_FULL, ERR_DENIED,
 *          ERR_NOT_FOUND
 */
MUST_USE err_code_t safetensors_write(const char *path, const layout_t *layout, const float *values,
                                      const safetensors_note_t *notes, bool overwrite, err_t *err);

/* Reads a file that has exactly the tensors of the layout, in any order, into values (layout->count).
 * Errors   ERR_NOT_FOUND, ERR_MALFORMED (lengths, offsets, JSON), ERR_SHAPE (another tensor, shape or type),
 * ERR_CHECKSUM (the file says another SHA-256; files of other programs may say none), ERR_MEMORY, ERR_IO;
 * on failure the values are undefined */
MUST_USE err_code_t safetensors_read(const char *path, const layout_t *layout, float *ret_values, err_t *err);

/* Told of each thing that is wrong, in one line. */
typedef void safetensors_tell_fn(void *hint, const char *text);

/* Compares a file's tensors with a layout, by name, type and shape, and tells all that is wrong.
 * Errors   ERR_SHAPE (something was told), and those of safetensors_read that are of the file as a whole */
MUST_USE err_code_t safetensors_compare(const char *path, const layout_t *layout, safetensors_tell_fn *tell,
                                        void *hint, err_t *err);

/* SHA-256 of the tensor bytes in the order of the layout, which is the data part of a file written here. */
void safetensors_sha256(const layout_t *layout, const float *values, char ret_hex[SHA256_HEX_SIZE]);

#endif
