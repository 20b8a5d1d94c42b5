// SPDX-License-Identifier: BSD-3-Clause
// One image out of, or into, an OCI image layout (image specification 1.0).
#ifndef PACKAGE_CSAR_IMAGE_H
#define PACKAGE_CSAR_IMAGE_H

#include "csar.h"

#define CSAR_BLOBS_MAX 64u

// The digests ("sha256:...") of all blobs of a tag: manifest, configuration, layers. entry: the manifest's descriptor
// in index.json; the caller frees. -ENOENT: no such tag; -EINVAL: the layout is malformed.
int csar_image_blobs(const char *layout, const char *tag, char digests[CSAR_BLOBS_MAX][72], size_t *ret_count,
		     struct cat_node **ret_entry, struct cat_err *err);
// Copies what is missing of the tag's blobs from one layout to the other, and gives the tag to the image.
int csar_image_install(const char *from, const char *to, const char *tag, struct cat_err *err);
// index.json with this one entry. NULL: no memory; the caller frees.
char *csar_image_index(const struct cat_node *entry);

#endif
