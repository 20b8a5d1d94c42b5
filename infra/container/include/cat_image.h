// SPDX-License-Identifier: BSD-3-Clause
// OCI images (image specification 1.0): a layout directory with tags, unpacked once into layers, mounted by overlayfs.
#ifndef CAT_IMAGE_H
#define CAT_IMAGE_H

#include <stdint.h>

#include "cat_err.h"
#include "cat_tree.h"

// Layers are unpacked below store/layers/DIGEST, each once whoever uses it, and checked against their digest.
struct cat_image_store {
	const char *layout; // an OCI image layout directory (index.json, blobs/sha256), read only
	const char *store;  // where layers are unpacked
};

// Makes sure that every layer of `tag` is unpacked. -ENOENT: no such tag; -EINVAL: a document of the layout is
// malformed; -EBADMSG: digest or archive wrong (refuses path escapes, devices, set-user-id files, more than
// CAT_IMAGE_SIZE_MAX).
// Safe beside other processes and threads at the same store.
#define CAT_IMAGE_SIZE_MAX (1ull << 30)
int cat_image_unpack(const struct cat_image_store *images, const char *tag, struct cat_err *err);
// The image's config blob (Entrypoint, Env, Labels). The caller frees.
int cat_image_config(const struct cat_image_store *images, const char *tag, struct cat_node **ret_config,
		     struct cat_err *err);
// Mounts the image read-only at target (made if absent) as an overlay of its layers, unpacking what is missing.
// -EBUSY: something is mounted there.
int cat_image_mount(const struct cat_image_store *images, const char *tag, const char *target, struct cat_err *err);
// Unmounts and removes target. Not mounted is fine.
int cat_image_unmount(const char *target, struct cat_err *err);
// [{"tag", "digest", "bytes", "layers": [{"digest", "bytes"}]}], for `catena host` and tests. The caller frees.
int cat_image_list(const struct cat_image_store *images, struct cat_node **ret_list, struct cat_err *err);

#endif
