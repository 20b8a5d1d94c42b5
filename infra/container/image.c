// SPDX-License-Identifier: BSD-3-Clause
// Images in an OCI image layout: index.json names tags, each a manifest, which names a config and layers; all of them
// are blobs, named by their digest.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "image.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define TEMPORARY_PREFIX ".unpacking-"

struct descriptor {
	const char *digest; // borrowed from the document it was read from
	int64_t size;
};

struct image {
	struct cat_node *manifest;
	char digest[CAT_DIGEST_MAX]; // of the manifest
	struct descriptor config;
	struct descriptor layer[CAT_IMAGE_LAYERS_MAX]; // lowest first
	size_t layer_count;
};

static void image_finish(struct image *image)
{
	cat_node_free(image->manifest);
}

static int read_descriptor(const struct cat_node *node, struct descriptor *ret, struct cat_err *err)
{
	struct descriptor d;
	int r = cat_node_read_string(node, "digest", CAT_REQUIRED, &d.digest, err);
	if (r == 0)
		r = cat_node_read_int(node, "size", CAT_REQUIRED, 0, (int64_t)CAT_IMAGE_SIZE_MAX, &d.size, err);
	if (r == 0 && !cat_digest_valid(d.digest))
		r = cat_node_error(node, err, "\"%.80s\" is no sha256 digest", d.digest);
	if (r < 0)
		return r;
	*ret = d;
	return 0;
}

static char *blob_path(const struct cat_image_store *images, const char *digest)
{
	return cat_format("%s/blobs/sha256/%s", images->layout, digest + strlen("sha256:"));
}

static char *layer_path(const struct cat_image_store *images, const char *digest)
{
	return cat_format("%s/layers/sha256-%s", images->store, digest + strlen("sha256:"));
}

// Reads and parses a small blob, whose digest must be right.
static int read_document(const struct cat_image_store *images, const struct descriptor *d, struct cat_node **ret_node,
			 struct cat_err *err)
{
	cat_autofree char *path = blob_path(images, d->digest);
	cat_autofree char *text = NULL;
	size_t size;
	if (!path)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = cat_file_read(AT_FDCWD, path, CAT_IMAGE_DOCUMENT_MAX, &text, &size, err);
	if (r < 0)
		return r;
	char found[CAT_DIGEST_MAX] = "";
	struct cat_digest *digest = cat_digest_create();
	bool summed = digest && cat_digest_update(digest, text, size) && cat_digest_finish(digest, found);
	cat_digest_destroy(digest);
	if (!summed)
		return cat_err_set(err, -ENOMEM, "no memory");
	if ((int64_t)size != d->size || strcmp(found, d->digest) != 0)
		return cat_err_set(err, -EBADMSG, "%s: %zu bytes with digest %s, expected %lld with %s", path, size,
				   found, (long long)d->size, d->digest);
	return cat_tree_parse_json(path, text, size, ret_node, err);
}

static int read_index(const struct cat_image_store *images, struct cat_node **ret_index,
		      const struct cat_node **ret_manifests, struct cat_err *err)
{
	cat_autofree char *path = cat_format("%s/index.json", images->layout);
	cat_autofree char *text = NULL;
	size_t size;
	if (!path)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = cat_file_read(AT_FDCWD, path, CAT_IMAGE_DOCUMENT_MAX, &text, &size, err);
	if (r < 0)
		return r;
	cat_autonode struct cat_node *index = NULL;
	r = cat_tree_parse_json(path, text, size, &index, err);
	if (r < 0)
		return r;
	r = cat_node_read_list(index, "manifests", CAT_REQUIRED, ret_manifests, err);
	if (r == 0 && (*ret_manifests)->count > CAT_IMAGE_TAGS_MAX)
		r = cat_err_set(err, -E2BIG, "more than %u images", CAT_IMAGE_TAGS_MAX);
	if (r < 0) {
		cat_err_wrap(err, "%s", path);
		return r;
	}
	*ret_index = cat_steal(index);
	return 0;
}

// NULL: it has no tag.
static const char *tag_of(const struct cat_node *entry)
{
	const struct cat_node *name = cat_node_find(entry, "annotations", REF_NAME, NULL);
	return name && name->type == CAT_STRING ? name->string : NULL;
}

static int read_manifest(const struct cat_image_store *images, const struct cat_node *entry, struct image *image,
			 struct cat_err *err)
{
	struct descriptor d;
	memset(image, 0, sizeof(*image));
	int r = read_descriptor(entry, &d, err);
	if (r == 0)
		r = read_document(images, &d, &image->manifest, err);
	if (r < 0)
		return r;
	memcpy(image->digest, d.digest, CAT_DIGEST_MAX);
	const struct cat_node *config = NULL, *layers = NULL;
	r = cat_node_read_map(image->manifest, "config", CAT_REQUIRED, &config, err);
	if (r == 0)
		r = read_descriptor(config, &image->config, err);
	if (r == 0)
		r = cat_node_read_list(image->manifest, "layers", CAT_REQUIRED, &layers, err);
	if (r == 0 && (layers->count == 0 || layers->count > CAT_IMAGE_LAYERS_MAX))
		r = cat_err_set(err, -EBADMSG, "%zu layers: expected 1 to %u", layers->count, CAT_IMAGE_LAYERS_MAX);
	for (const struct cat_node *layer = r == 0 ? layers->first : NULL; r == 0 && layer; layer = layer->next)
		r = read_descriptor(layer, &image->layer[image->layer_count++], err);
	if (r < 0) {
		cat_err_wrap(err, "manifest %s", image->digest);
		image_finish(image);
	}
	return r;
}

// The caller finishes the image.
static int find_image(const struct cat_image_store *images, const char *tag, struct image *image, struct cat_err *err)
{
	cat_autonode struct cat_node *index = NULL;
	const struct cat_node *manifests = NULL;
	memset(image, 0, sizeof(*image));
	int r = read_index(images, &index, &manifests, err);
	if (r < 0 || !manifests)
		return r;
	for (const struct cat_node *entry = manifests->first; entry; entry = entry->next) {
		const char *name = tag_of(entry);
		if (name && strcmp(name, tag) == 0)
			return read_manifest(images, entry, image, err);
	}
	return cat_err_set(err, -ENOENT, "no image \"%s\" in %s", tag, images->layout);
}

static void remove_left_over(const char *layers)
{
	cat_autodir DIR *directory = opendir(layers);
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		if (strncmp(entry->d_name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) != 0)
			continue;
		cat_autofree char *path = cat_format("%s/%s", layers, entry->d_name);
		if (path)
			cat_dir_remove(path, NULL);
	}
}

// Unpacks beside the place and renames: a layer is there completely or not at all.
static int unpack_layer(const struct cat_image_store *images, const struct descriptor *d, const char *layers,
			const char *path, struct cat_err *err)
{
	cat_autofree char *blob = blob_path(images, d->digest);
	cat_autofree char *temporary = cat_format("%s/%sXXXXXX", layers, TEMPORARY_PREFIX);
	if (!blob || !temporary)
		return cat_err_set(err, -ENOMEM, "no memory");
	cat_autofd int fd = open(blob, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return cat_err_errno(err, "%s", blob);
	if (!mkdtemp(temporary))
		return cat_err_errno(err, "%s", temporary);
	cat_autofd int root_fd = open(temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = root_fd < 0 ? cat_err_errno(err, "%s", temporary) : 0;
	if (r == 0)
		r = cat_layer_unpack(fd, (uint64_t)d->size, d->digest, root_fd, err);
	if (r == 0 && fchmod(root_fd, 0755) < 0)
		r = cat_err_errno(err, "%s", temporary);
	// Its digest is never looked at again: after a power cut it must not be there with holes.
	if (r == 0 && syncfs(root_fd) < 0)
		r = cat_err_errno(err, "%s", temporary);
	if (r == 0 && rename(temporary, path) < 0)
		r = cat_err_errno(err, "%s", path);
	if (r < 0)
		cat_dir_remove(temporary, NULL);
	return r;
}

static int unpack_missing(const struct cat_image_store *images, const struct image *image, struct cat_err *err)
{
	cat_autofree char *layers = cat_format("%s/layers", images->store);
	if (!layers)
		return cat_err_set(err, -ENOMEM, "no memory");
	cat_autofd int lock = -1;
	for (size_t i = 0; i < image->layer_count; i++) {
		cat_autofree char *path = layer_path(images, image->layer[i].digest);
		if (!path)
			return cat_err_set(err, -ENOMEM, "no memory");
		if (access(path, F_OK) == 0)
			continue;
		if (lock < 0) {
			int r = cat_dir_create(layers, 0711, err);
			if (r < 0)
				return r;
			lock = open(layers, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (lock < 0 || flock(lock, LOCK_EX) < 0)
				return cat_err_errno(err, "lock of %s", layers);
			// Whoever was at it has died.
			remove_left_over(layers);
			if (access(path, F_OK) == 0)
				continue;
		}
		int r = unpack_layer(images, &image->layer[i], layers, path, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int cat_image_unpack(const struct cat_image_store *images, const char *tag, struct cat_err *err)
{
	struct image image;
	int r = find_image(images, tag, &image, err);
	if (r < 0)
		return r;
	r = unpack_missing(images, &image, err);
	image_finish(&image);
	if (r < 0)
		cat_err_wrap(err, "image %s", tag);
	return r;
}

int cat_image_config(const struct cat_image_store *images, const char *tag, struct cat_node **ret_config,
		     struct cat_err *err)
{
	struct image image;
	int r = find_image(images, tag, &image, err);
	if (r < 0)
		return r;
	r = read_document(images, &image.config, ret_config, err);
	image_finish(&image);
	if (r < 0)
		cat_err_wrap(err, "image %s", tag);
	return r;
}

int cat_image_mount(const struct cat_image_store *images, const char *tag, const char *target, struct cat_err *err)
{
	struct image image;
	int r = find_image(images, tag, &image, err);
	if (r < 0)
		return r;
	r = unpack_missing(images, &image, err);
	char *paths[CAT_IMAGE_LAYERS_MAX] = {0};
	for (size_t i = 0; r == 0 && i < image.layer_count; i++) {
		paths[i] = layer_path(images, image.layer[i].digest);
		if (!paths[i])
			r = cat_err_set(err, -ENOMEM, "no memory");
	}
	if (r == 0)
		r = cat_layers_mount((const char *const *)paths, image.layer_count, target, err);
	for (size_t i = 0; i < image.layer_count; i++)
		free(paths[i]);
	image_finish(&image);
	if (r < 0)
		cat_err_wrap(err, "image %s", tag);
	return r;
}

static bool add_image(struct cat_node *list, const char *tag, const struct image *image)
{
	struct cat_node *entry = cat_node_add_map(list, NULL);
	struct cat_node *layers = entry ? cat_node_add_list(entry, "layers") : NULL;
	int64_t bytes = 0;
	for (size_t i = 0; layers && i < image->layer_count; i++) {
		struct cat_node *layer = cat_node_add_map(layers, NULL);
		if (!layer || !cat_node_add_string(layer, "digest", image->layer[i].digest) ||
		    !cat_node_add_int(layer, "bytes", image->layer[i].size))
			return false;
		bytes += image->layer[i].size;
	}
	return layers && cat_node_add_string(entry, "tag", tag) &&
	       cat_node_add_string(entry, "digest", image->digest) && cat_node_add_int(entry, "bytes", bytes);
}

int cat_image_list(const struct cat_image_store *images, struct cat_node **ret_list, struct cat_err *err)
{
	cat_autonode struct cat_node *index = NULL;
	const struct cat_node *manifests = NULL;
	int r = read_index(images, &index, &manifests, err);
	if (r < 0 || !manifests)
		return r;
	cat_autonode struct cat_node *list = cat_node_new_list();
	for (const struct cat_node *entry = manifests->first; entry; entry = entry->next) {
		const char *tag = tag_of(entry);
		struct image image;
		if (!tag)
			continue;
		r = read_manifest(images, entry, &image, err);
		if (r < 0) {
			cat_err_wrap(err, "image %s", tag);
			return r;
		}
		bool added = list && add_image(list, tag, &image);
		image_finish(&image);
		if (!added)
			return cat_err_set(err, -ENOMEM, "no memory");
	}
	if (!list)
		return cat_err_set(err, -ENOMEM, "no memory");
	*ret_list = cat_steal(list);
	return 0;
}
