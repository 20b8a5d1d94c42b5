// SPDX-License-Identifier: BSD-3-Clause
#include "csar_image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "image.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define LAYER_MAX (512ull << 20)

static const char *text_of(const struct cat_node *map, const char *key)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_STRING ? node->string : "";
}

static const char *tag_of(const struct cat_node *entry)
{
	return text_of(cat_node_get(entry, "annotations"), REF_NAME);
}

static int read_json(const char *layout, const char *name, struct cat_node **ret_tree, struct cat_err *err)
{
	cat_autofree char *path = cat_format("%s/%s", layout, name), *text = NULL;
	size_t size = 0;
	int r = path ? cat_file_read(AT_FDCWD, path, CSAR_TEXT_MAX, &text, &size, err)
		     : cat_err_set(err, -ENOMEM, "no memory");
	return r < 0 ? r : cat_tree_parse_json(path, text, size, ret_tree, err);
}

static int add(const struct cat_node *descriptor, char digests[CSAR_BLOBS_MAX][72], size_t *count, struct cat_err *err)
{
	const char *digest = text_of(descriptor, "digest");
	if (!cat_digest_valid(digest))
		return cat_err_set(err, -EINVAL, "the image: found \"%.80s\", expected a SHA-256 digest", digest);
	if (*count == CSAR_BLOBS_MAX)
		return cat_err_set(err, -EINVAL, "the image has more than %u blobs", CSAR_BLOBS_MAX);
	memcpy(digests[(*count)++], digest, strlen(digest) + 1);
	return 0;
}

int csar_image_blobs(const char *layout, const char *tag, char digests[CSAR_BLOBS_MAX][72], size_t *ret_count,
		     struct cat_node **ret_entry, struct cat_err *err)
{
	cat_autonode struct cat_node *index = NULL, *manifest = NULL;
	size_t count = 0;
	int r = read_json(layout, "index.json", &index, err);
	const struct cat_node *list = r == 0 ? cat_node_get(index, "manifests") : NULL;
	const struct cat_node *entry = list ? list->first : NULL;
	while (entry && strcmp(tag_of(entry), tag) != 0)
		entry = entry->next;
	if (r == 0 && !entry)
		r = cat_err_set(err, -ENOENT, "%s: has no image \"%s\"", layout, tag);
	if (r == 0)
		r = add(entry, digests, &count, err);
	cat_autofree char *name = r == 0 ? cat_format("blobs/sha256/%s", digests[0] + 7) : NULL;
	if (r == 0)
		r = name ? read_json(layout, name, &manifest, err) : cat_err_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = add(cat_node_get(manifest, "config"), digests, &count, err);
	const struct cat_node *layers = r == 0 ? cat_node_get(manifest, "layers") : NULL;
	for (const struct cat_node *layer = layers ? layers->first : NULL; layer && r == 0; layer = layer->next)
		r = add(layer, digests, &count, err);
	if (r == 0 && !(*ret_entry = cat_node_copy(NULL, NULL, entry)))
		r = cat_err_set(err, -ENOMEM, "no memory");
	if (r == 0)
		*ret_count = count;
	return r;
}

char *csar_image_index(const struct cat_node *entry)
{
	cat_autonode struct cat_node *index = cat_node_new_map();
	struct cat_node *list = NULL;
	if (!index || !cat_node_add_int(index, "schemaVersion", 2) ||
	    !cat_node_add_string(index, "mediaType", "application/vnd.oci.image.index.v1+json") ||
	    !(list = cat_node_add_list(index, "manifests")) || !cat_node_copy(list, NULL, entry))
		return NULL;
	return cat_node_to_json(index, 1);
}

// The blob's bytes must be what its name says, wherever they come from.
static int install_blob(const char *from, const char *to, const char *digest, struct cat_err *err)
{
	cat_autofree char *source = cat_format("%s/blobs/sha256/%s", from, digest + 7);
	cat_autofree char *target = cat_format("%s/blobs/sha256/%s", to, digest + 7), *data = NULL;
	size_t size = 0;
	char found[CAT_DIGEST_MAX];
	if (!source || !target)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = cat_file_read(AT_FDCWD, source, LAYER_MAX, &data, &size, err);
	if (r < 0)
		return r;
	struct cat_digest *sum = cat_digest_create();
	bool same =
		sum && cat_digest_update(sum, data, size) && cat_digest_finish(sum, found) && !strcmp(found, digest);
	cat_digest_destroy(sum);
	if (!same)
		return cat_err_set(err, -EBADMSG, "the image: the blob %s has another digest", digest);
	return access(target, F_OK) == 0 ? 0 : cat_file_replace(target, data, size, 0644, err);
}

// Other imports wait; readers see the old index or the new one.
static int install_entry(const char *to, const char *tag, const struct cat_node *entry, struct cat_err *err)
{
	cat_autonode struct cat_node *index = NULL;
	cat_autofree char *path = cat_format("%s/index.json", to);
	int r = path ? read_json(to, "index.json", &index, err) : cat_err_set(err, -ENOMEM, "no memory");
	struct cat_node *list = r == 0 ? cat_node_get(index, "manifests") : NULL;
	if (r == 0 && (!list || list->type != CAT_LIST))
		return cat_err_set(err, -EINVAL, "%s: has no list of manifests", path);
	for (struct cat_node *item = list ? list->first : NULL, *next; item; item = next) {
		next = item->next;
		if (!strcmp(tag_of(item), tag))
			cat_node_free(cat_node_detach(item));
	}
	cat_autofree char *json = r == 0 && cat_node_copy(list, NULL, entry) ? cat_node_to_json(index, 1) : NULL;
	if (r < 0)
		return r;
	return json ? cat_file_replace(path, json, strlen(json), 0644, err) : cat_err_set(err, -ENOMEM, "no memory");
}

int csar_image_install(const char *from, const char *to, const char *tag, struct cat_err *err)
{
	char digests[CSAR_BLOBS_MAX][72];
	size_t count = 0;
	cat_autonode struct cat_node *entry = NULL;
	cat_autofd int lock = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return cat_err_errno(err, "%s", to);
	int r = csar_image_blobs(from, tag, digests, &count, &entry, err);
	for (size_t i = 0; i < count && r == 0; i++)
		r = install_blob(from, to, digests[i], err);
	return r < 0 ? r : install_entry(to, tag, entry, err);
}
