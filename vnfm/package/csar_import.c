// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_service.h"
#include "csar.h"
#include "csar_image.h"

#define META "TOSCA-Metadata/TOSCA.meta"

static int read_part(const char *directory, const char *name, char **ret_text, struct cat_err *err)
{
	cat_autofree char *path = cat_format("%s/%s", directory, name);
	size_t size = 0;
	if (!path)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = cat_file_read(AT_FDCWD, path, CSAR_TEXT_MAX, ret_text, &size, err);
	if (r == 0 && strlen(*ret_text) != size)
		r = cat_err_set(err, -EBADMSG, "%s: found a NUL character", name);
	return r;
}

// Digests and completeness, as the package says itself.
static int verify(const char *directory, struct csar_files *files, struct cat_err *err)
{
	cat_autofree char *meta = NULL, *manifest = NULL;
	if (!csar_files_find(files, META))
		return cat_err_set(err, -EBADMSG, "is no CSAR file: it has no " META);
	int r = read_part(directory, META, &meta, err);
	cat_autofree char *name = r == 0 ? csar_meta_value(meta, "ETSI-Entry-Manifest") : NULL;
	if (r == 0 && (!name || !csar_files_find(files, name)))
		r = cat_err_set(err, -EBADMSG, META ": ETSI-Entry-Manifest names no file of the package");
	if (r == 0)
		r = read_part(directory, name, &manifest, err);
	return r < 0 ? r : csar_manifest_check(manifest, name, files, err);
}

// The kind that the descriptor names, which is part of paths from here on.
static int read_kind(const char *directory, char *ret_kind, char *ret_tag, size_t tag_size, struct cat_err *err)
{
	cat_autofree char *path = cat_format("%s/Files/vnfd.yaml", directory);
	cat_autonode struct cat_node *tree = NULL;
	const char *kind = "", *image = NULL;
	int r = path ? cat_tree_parse_file(path, &tree, err) : cat_err_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = cat_node_read_string(tree, "kind", CAT_REQUIRED, &kind, err);
	if (r == 0)
		r = cat_node_read_string(tree, "image", CAT_OPTIONAL, &image, err);
	size_t length = strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789-");
	if (r == 0 && (!length || length > 32 || kind[length] || kind[0] < 'a' || kind[0] > 'z'))
		r = cat_err_set(err, -EBADMSG, "Files/vnfd.yaml: found the kind \"%.64s\", expected a name", kind);
	if (r < 0)
		return r;
	memcpy(ret_kind, kind, length + 1);
	snprintf(ret_tag, tag_size, "%s", image ? image : kind);
	return 0;
}

// A directory of one kind that loads as the manager would load it.
static int make_kind(const char *directory, const char *kind, struct cat_err *err)
{
	static const char *const parts[] = {"vnfd.yaml", "schema.json"};
	cat_autofree char *kinds = cat_format("%s/kinds", directory),
			  *place = cat_format("%s/kinds/%s", directory, kind);
	int r = kinds && place ? cat_dir_create(place, 0755, err) : cat_err_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < CAT_ARRAY_LEN(parts) && r == 0; i++) {
		cat_autofree char *from = cat_format("%s/Files/%s", directory, parts[i]);
		cat_autofree char *to = cat_format("%s/%s", place, parts[i]);
		if (!from || !to)
			r = cat_err_set(err, -ENOMEM, "no memory");
		else if (rename(from, to) < 0)
			r = cat_err_errno(err, "Files/%s", parts[i]);
	}
	const char *const list[] = {kinds, NULL};
	struct cat_kinds *loaded = r == 0 ? cat_kinds_load(list, err) : NULL;
	if (r == 0 && (!loaded || !cat_kinds_descriptor(loaded, kind)))
		r = err->code ? err->code : cat_err_set(err, -EBADMSG, "the kind %s does not load", kind);
	cat_kinds_free(loaded);
	return r;
}

static int move_kind(const struct csar_places *places, const char *directory, const char *kind, bool replace,
		     struct cat_err *err)
{
	cat_autofree char *from = cat_format("%s/kinds/%s", directory, kind),
			  *to = cat_format("%s/%s", places->kinds, kind);
	cat_autofree char *old = cat_format("%s/old", directory);
	if (!from || !to || !old)
		return cat_err_set(err, -ENOMEM, "no memory");
	if (replace && rename(to, old) < 0 && errno != ENOENT)
		return cat_err_errno(err, "%s", to);
	return rename(from, to) < 0 ? cat_err_errno(err, "%s", to) : 0;
}

static int install(const struct csar_places *places, const char *directory, int fd, uint64_t size, bool replace,
		   char *ret_kind, struct cat_err *err)
{
	struct csar_files files = {0};
	char tag[128] = "";
	int r = csar_unpack(fd, size, directory, &files, err);
	if (r == 0)
		r = verify(directory, &files, err);
	csar_files_free(&files);
	if (r == 0)
		r = read_kind(directory, ret_kind, tag, sizeof(tag), err);
	if (r == 0)
		r = make_kind(directory, ret_kind, err);
	cat_autofree char *installed = r == 0 ? cat_format("%s/%s", places->kinds, ret_kind) : NULL;
	if (r == 0 && installed && !replace && access(installed, F_OK) == 0)
		r = cat_err_set(err, -EEXIST, "the kind %s is installed already: --force replaces it", ret_kind);
	cat_autofree char *image = r == 0 ? cat_format("%s/Files/image", directory) : NULL;
	if (r == 0)
		r = image ? csar_image_install(image, places->images, tag, err)
			  : cat_err_set(err, -ENOMEM, "no memory");
	return r < 0 ? r : move_kind(places, directory, ret_kind, replace, err);
}

int csar_import(const struct csar_places *places, const char *path, bool replace, char *ret_kind, struct cat_err *err)
{
	struct cat_err ignored = {0};
	struct stat st;
	cat_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return cat_err_errno(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return cat_err_set(err, -EINVAL, "%s: expected a file", path);
	// Beside the kinds, so that the last step is one rename; the dot keeps it from being taken for a kind.
	cat_autofree char *directory = cat_format("%s/.import-XXXXXX", places->kinds);
	if (!directory)
		return cat_err_set(err, -ENOMEM, "no memory");
	if (!mkdtemp(directory))
		return cat_err_errno(err, "%s", places->kinds);
	int r = install(places, directory, fd, (uint64_t)st.st_size, replace, ret_kind, err);
	cat_dir_remove(directory, &ignored);
	return r < 0 ? cat_err_wrap(err, "%s", path) : 0;
}
