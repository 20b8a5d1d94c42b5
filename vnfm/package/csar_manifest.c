// SPDX-License-Identifier: BSD-3-Clause
// TOSCA.meta and manifests (SOL004 clauses 4.1.2 and 4.3.2): lines of "KEY: VALUE" in blocks.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cat_cleanup.h"
#include "csar.h"

// The next line without its end; false: there is none.
static bool next_line(const char **at, const char **ret_line, size_t *ret_length)
{
	if (!**at)
		return false;
	size_t n = strcspn(*at, "\n");
	*ret_line = *at;
	*ret_length = n && (*at)[n - 1] == '\r' ? n - 1 : n;
	*at += n + ((*at)[n] == '\n');
	return true;
}

// Whether the line is "KEY: VALUE"; the value's place.
static bool is_key(const char *line, size_t length, const char *key, const char **ret_value, size_t *ret_size)
{
	size_t n = strlen(key);
	if (length <= n || strncasecmp(line, key, n) != 0 || line[n] != ':')
		return false;
	const char *value = line + n + 1, *end = line + length;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*ret_value = value;
	*ret_size = (size_t)(end - value);
	return true;
}

char *csar_meta_value(const char *text, const char *key)
{
	const char *line, *value;
	size_t length, size;
	while (next_line(&text, &line, &length) && length)
		if (is_key(line, length, key, &value, &size))
			return strndup(value, size);
	return NULL;
}

// One "Source" block: path, algorithm and digest.
static int check_block(const char *path, const char *algorithm, const char *hash, struct csar_files *files,
		       struct cat_err *err)
{
	struct csar_file *file = csar_files_find(files, path);
	if (strcasecmp(algorithm, "SHA-256") != 0)
		return cat_err_set(err, -EBADMSG, "the manifest: %s: found the algorithm \"%s\", expected SHA-256",
				   path, algorithm);
	if (!file)
		return cat_err_set(err, -EBADMSG, "the manifest names %s, which is not in the package", path);
	if (strcasecmp(file->digest, hash) != 0)
		return cat_err_set(err, -EBADMSG, "%s: found the digest %s, the manifest says %s", path, file->digest,
				   hash);
	if (file->listed)
		return cat_err_set(err, -EBADMSG, "the manifest names %s twice", path);
	file->listed = true;
	return 0;
}

static int all_listed(const char *manifest, const struct csar_files *files, struct cat_err *err)
{
	for (size_t i = 0; i < files->count; i++)
		if (!files->item[i].listed && strcmp(files->item[i].path, manifest) != 0)
			return cat_err_set(err, -EBADMSG, "%s: is not in the manifest", files->item[i].path);
	return 0;
}

static bool keep(char *to, size_t size, const char *value, size_t length)
{
	if (length >= size)
		return false;
	memcpy(to, value, length);
	to[length] = 0;
	return true;
}

int csar_manifest_check(const char *text, const char *path, struct csar_files *files, struct cat_err *err)
{
	char source[CSAR_PATH_MAX + 1] = "", algorithm[32] = "", hash[CSAR_HEX + 1] = "";
	const char *at = text, *line, *value;
	size_t length, size, first;
	const char *begin = text;
	if (!next_line(&begin, &line, &first) || !is_key(line, first, "metadata", &value, &size))
		return cat_err_set(err, -EBADMSG, "the manifest: expected \"metadata:\" in its first line");
	bool more = true;
	while (more) {
		more = next_line(&at, &line, &length);
		bool is_source = more && is_key(line, length, "Source", &value, &size);
		// A block ends where the next begins.
		if ((!more || is_source) && *source) {
			int r = check_block(source, algorithm, hash, files, err);
			if (r < 0)
				return r;
			*source = *algorithm = *hash = 0;
		}
		bool fits = true;
		if (is_source)
			fits = keep(source, sizeof(source), value, size) && size;
		else if (more && is_key(line, length, "Algorithm", &value, &size))
			fits = keep(algorithm, sizeof(algorithm), value, size);
		else if (more && is_key(line, length, "Hash", &value, &size))
			fits = keep(hash, sizeof(hash), value, size);
		if (!fits)
			return cat_err_set(err, -EBADMSG, "the manifest: found \"%.*s\", which is too long or empty",
					   (int)(length < 80 ? length : 80), line);
	}
	return all_listed(path, files, err);
}
