// SPDX-License-Identifier: BSD-3-Clause
// What the parts that deal with images tell each other.
#ifndef CAT_IMAGE_PRIVATE_H
#define CAT_IMAGE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_image.h"

#define CAT_DIGEST_HEX 64u
#define CAT_DIGEST_MAX (7u + CAT_DIGEST_HEX + 1u) // "sha256:", 64 hexadecimal digits, NUL
#define CAT_IMAGE_DOCUMENT_MAX (1u << 20)         // bytes of an index, a manifest or a config
#define CAT_IMAGE_LAYERS_MAX 24u
#define CAT_IMAGE_TAGS_MAX 4096u
#define CAT_LAYER_ENTRIES_MAX 200000u
#define CAT_LAYER_DEPTH_MAX 32u

// SHA-256 of what goes by.
struct cat_digest;
// NULL: no memory, or the library refuses.
struct cat_digest *cat_digest_create(void);
void cat_digest_destroy(struct cat_digest *digest); // NULL is fine
bool cat_digest_update(struct cat_digest *digest, const void *data, size_t size);
// Writes "sha256:..." once.
bool cat_digest_finish(struct cat_digest *digest, char ret_text[CAT_DIGEST_MAX]);
// "sha256:" and 64 lower-case hexadecimal digits: a digest becomes part of a path.
bool cat_digest_valid(const char *text);

// Unpacks a layer (a tar archive, plain or gzip) of exactly `size` bytes from fd into the empty directory root_fd, and
// checks its digest on the way. -EBADMSG: not what the digest says, or an archive that has no business in a layer; what
// was unpacked by then is the caller's to remove. Whiteouts become what overlayfs understands.
int cat_layer_unpack(int fd, uint64_t size, const char *digest, int root_fd, struct cat_err *err);

// Mounts the layers (paths, lowest first) read-only at target: an overlay, or a bind mount of a single one.
int cat_layers_mount(const char *const *layers, size_t count, const char *target, struct cat_err *err);

#endif
