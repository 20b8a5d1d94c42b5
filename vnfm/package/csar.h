// SPDX-License-Identifier: BSD-3-Clause
// CSAR files (ETSI GS NFV-SOL 004, option 1: TOSCA-Metadata, a manifest with digests, a VNFD of SOL001), with what
// Catena needs of a kind: vnfd.yaml, schema.json and its OCI image.
//
// How it works. A package comes from anywhere. It is unpacked into a directory of its own: plain files under plain
// names, with a limit on their number, their size, and how much they may grow. Then every file must be named in the
// manifest with its digest, blobs of the image must have their digests as names, and descriptor and schema must load.
// Only what passed all of it is moved to where the manager looks.
#ifndef PACKAGE_CSAR_H
#define PACKAGE_CSAR_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_err.h"
#include "cat_tree.h"

#define CSAR_SIZE_MAX (1ull << 30) // unpacked
#define CSAR_ENTRIES_MAX 1024u
#define CSAR_RATIO_MAX 100u // unpacked bytes to one of the file, beyond CSAR_RATIO_FREE
#define CSAR_RATIO_FREE (8u << 20)
#define CSAR_PATH_MAX 255u
#define CSAR_TEXT_MAX (1u << 20) // of a file that is parsed
#define CSAR_HEX 64

struct csar_places {
	const char *kinds, *images; // directories: DIR/KIND/vnfd.yaml, and an OCI image layout
};

struct csar_file {
	char *path;
	char digest[CSAR_HEX + 1]; // SHA-256
	uint64_t size;
	bool listed; // in the manifest
};
struct csar_files {
	struct csar_file *item;
	size_t count;
};
void csar_files_free(struct csar_files *files);
struct csar_file *csar_files_find(const struct csar_files *files, const char *path); // NULL: none

// A plain relative path: no empty, "." or ".." parts, no backslash or control character, at most CSAR_PATH_MAX bytes.
bool csar_path_valid(const char *path);
// Unpacks the archive that fd (of `size` bytes) holds into a directory. -EBADMSG: no archive, a name or kind of entry
// that has no business in a package; -E2BIG: too many, too large, or grows too much. The caller frees ret_files.
int csar_unpack(int fd, uint64_t size, const char *directory, struct csar_files *ret_files, struct cat_err *err);
// Checks files against the text of a manifest. -EBADMSG: a digest is wrong, a file is missing or not listed, or it is
// no manifest. path: of the manifest itself, which needs not be listed.
int csar_manifest_check(const char *text, const char *path, struct csar_files *files, struct cat_err *err);
// The value of "KEY: VALUE" lines (TOSCA.meta, manifests) up to the first empty line; NULL: none. The caller frees.
char *csar_meta_value(const char *text, const char *key);

// Writes the kind's package. -ENOENT: no such kind, or no image of it.
int csar_export(const struct csar_places *places, const char *kind, const char *path, struct cat_err *err);
// Checks and installs a package. ret_kind has 33 bytes. -EEXIST: the kind is installed and `replace` not given.
int csar_import(const struct csar_places *places, const char *path, bool replace, char *ret_kind, struct cat_err *err);
// The VNFD in terms of SOL001 (TOSCA). The caller frees; NULL: no memory.
char *csar_vnfd(const char *kind, const char *vnfd_id, const char *provider, const char *product, const char *software,
		const char *version, const struct cat_node *descriptor, const struct cat_node *schema);

#endif
