// SPDX-License-Identifier: BSD-3-Clause
// Unpacking one layer of an image, as the OCI image specification 1.0 has it ("Image Layer Filesystem Changeset").
//
// An archive is not trusted: every name is walked from the layer's root one directory at a time without following
// links, so that nothing is written elsewhere; what a container's root has no use for (devices, set-user-id files) is
// refused; and size is checked before it is written.
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "cat_cleanup.h"
#include "image.h"

#define BUFFER_SIZE (128u << 10)
#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

struct source {
	int fd;
	uint64_t size, read; // bytes promised, bytes read
	struct cat_digest *digest;
	char buffer[BUFFER_SIZE];
};

struct unpacking {
	int root_fd;
	uint64_t bytes;
	uint32_t entries;
	struct cat_err *err;
};

// A name in the archive: its directory, walked to, and the last component.
struct place {
	int parent_fd;
	unsigned depth; // directories above
	char path[PATH_MAX];
	const char *name; // in path; "." for the root itself
	bool root;
};

static ssize_t read_source(struct archive *archive, void *user, const void **ret_buffer)
{
	struct source *source = user;
	ssize_t n;
	do
		n = read(source->fd, source->buffer, sizeof(source->buffer));
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(archive, errno, "%s", strerror(errno));
		return -1;
	}
	source->read += (uint64_t)n;
	if (source->read > source->size || !cat_digest_update(source->digest, source->buffer, (size_t)n)) {
		archive_set_error(archive, EBADMSG, "the blob is larger than its descriptor says");
		return -1;
	}
	*ret_buffer = source->buffer;
	return n;
}

// Copies a name without "." and doubled slashes. False: absolute, with "..", or too long.
static bool normalize(const char *from, char *path)
{
	size_t used = 0;
	if (!from || from[0] == '/')
		return false;
	for (size_t length; *from; from += length) {
		from += strspn(from, "/");
		length = strcspn(from, "/");
		if (length == 0 || (length == 1 && from[0] == '.'))
			continue;
		if (length == 2 && memcmp(from, "..", 2) == 0)
			return false;
		if (length > NAME_MAX || used + length + 2 > PATH_MAX)
			return false;
		if (used)
			path[used++] = '/';
		memcpy(path + used, from, length);
		used += length;
	}
	path[used] = '\0';
	return true;
}

static int refuse(struct unpacking *u, const char *path, const char *why)
{
	return cat_err_set(u->err, -EBADMSG, "layer: \"%s\" %s", path ? path : "?", why);
}

static int failed(struct unpacking *u, const char *path)
{
	return cat_err_errno(u->err, "layer: \"%s\"", path);
}

// One directory further down. What is not there is made, if asked to; a link is no directory.
static int descend(int fd, const char *name, bool make)
{
	int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int next = openat(fd, name, flags);
	if (next >= 0 || errno != ENOENT || !make)
		return next;
	if (mkdirat(fd, name, 0755) < 0 || fchmodat(fd, name, 0755, 0) < 0)
		return -1;
	return openat(fd, name, flags);
}

static void place_finish(struct place *place)
{
	if (place->parent_fd >= 0)
		close(place->parent_fd);
}

// Walks to the directory of a name. The caller finishes place in any case.
static int place_find(struct unpacking *u, const char *from, bool make, struct place *place)
{
	place->parent_fd = -1;
	place->depth = 0;
	place->name = ".";
	place->root = true;
	if (!normalize(from, place->path))
		return refuse(u, from, "leads out of the layer, or is too long");
	place->parent_fd = openat(u->root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place->parent_fd < 0)
		return failed(u, ".");
	char *name = place->path;
	for (char *slash; (slash = strchr(name, '/')); name = slash + 1, place->depth++) {
		if (place->depth == CAT_LAYER_DEPTH_MAX)
			return refuse(u, from, "is too deep");
		*slash = '\0';
		int next = descend(place->parent_fd, name, make);
		int number = errno;
		*slash = '/';
		errno = number;
		if (next < 0 && (errno == ENOTDIR || errno == ELOOP))
			return refuse(u, from, "goes through something that is no directory");
		if (next < 0 && errno == ENOENT)
			return refuse(u, from, "is in a directory that is not there");
		if (next < 0)
			return failed(u, from);
		close(place->parent_fd);
		place->parent_fd = next;
	}
	if (name[0]) {
		place->name = name;
		place->root = false;
	}
	return 0;
}

// Makes room for something that is no directory: a later entry of the same name replaces an earlier one.
static int make_room(struct unpacking *u, const struct place *place)
{
	if (unlinkat(place->parent_fd, place->name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR)
		return refuse(u, place->path, "would replace a directory");
	return failed(u, place->path);
}

static int write_data(struct unpacking *u, struct archive *archive, int fd, uint64_t size, const char *path)
{
	for (;;) {
		const void *data;
		size_t length;
		la_int64_t offset;
		int r = archive_read_data_block(archive, &data, &length, &offset);
		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return refuse(u, path, archive_error_string(archive));
		if (offset < 0 || (uint64_t)offset > size || length > size - (uint64_t)offset)
			return refuse(u, path, "holds more than it says");
		for (const char *p = data; length;) {
			ssize_t n = pwrite(fd, p, length, offset);
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return failed(u, path);
			p += n;
			offset += n;
			length -= (size_t)n;
		}
	}
	return ftruncate(fd, (off_t)size) < 0 ? failed(u, path) : 0;
}

static int unpack_file(struct unpacking *u, struct archive *archive, struct archive_entry *entry,
		       const struct place *place)
{
	mode_t mode = archive_entry_perm(entry);
	if (mode & (S_ISUID | S_ISGID))
		return refuse(u, place->path, "is set-user-id or set-group-id");
	la_int64_t size = archive_entry_size(entry);
	if (size < 0 || (uint64_t)size > CAT_IMAGE_SIZE_MAX - u->bytes)
		return refuse(u, place->path, "makes the layer larger than an image may be");
	u->bytes += (uint64_t)size;
	int r = make_room(u, place);
	if (r < 0)
		return r;
	cat_autofd int fd =
		openat(place->parent_fd, place->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(u, place->path);
	r = write_data(u, archive, fd, (uint64_t)size, place->path);
	if (r < 0)
		return r;
	return fchmod(fd, mode & 0777) < 0 ? failed(u, place->path) : 0;
}

static int unpack_directory(struct unpacking *u, struct archive_entry *entry, const struct place *place)
{
	// Sticky is all that means something on a directory that nobody can write to. The owner, who is not the
	// container's root, must be able to remove what is in it.
	mode_t mode = (archive_entry_perm(entry) & 01777) | S_IRWXU;
	if (place->root)
		return 0;
	int fd = descend(place->parent_fd, place->name, true);
	if (fd < 0)
		return errno == ENOTDIR ? refuse(u, place->path, "would replace what is no directory")
					: failed(u, place->path);
	close(fd);
	return fchmodat(place->parent_fd, place->name, mode, 0) < 0 ? failed(u, place->path) : 0;
}

// A relative link that climbs above the root would mean something else to whoever reads the layer from outside a
// container. An absolute one is resolved within the container's root.
static bool climbs_out(const char *target, unsigned depth)
{
	long level = depth;
	for (size_t length; *target; target += length) {
		target += strspn(target, "/");
		length = strcspn(target, "/");
		if (length == 2 && memcmp(target, "..", 2) == 0)
			level--;
		else if (length && !(length == 1 && target[0] == '.'))
			level++;
		if (level < 0)
			return true;
	}
	return false;
}

static int unpack_symlink(struct unpacking *u, struct archive_entry *entry, const struct place *place)
{
	const char *target = archive_entry_symlink(entry);
	if (!target || !target[0] || strlen(target) >= PATH_MAX)
		return refuse(u, place->path, "is a link to nothing");
	if (climbs_out(target, target[0] == '/' ? 0 : place->depth))
		return refuse(u, place->path, "is a link that leads out of the layer");
	int r = make_room(u, place);
	if (r < 0)
		return r;
	return symlinkat(target, place->parent_fd, place->name) < 0 ? failed(u, place->path) : 0;
}

static int unpack_hardlink(struct unpacking *u, const char *target, const struct place *place)
{
	struct place existing;
	struct stat st;
	int r = place_find(u, target, false, &existing);
	if (r == 0 && (existing.root || fstatat(existing.parent_fd, existing.name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		       !S_ISREG(st.st_mode)))
		r = refuse(u, place->path, "is a hard link to no file of the layer");
	// A name linked to itself must not be unlinked to make room for it.
	if (r == 0 && strcmp(existing.path, place->path) == 0)
		r = refuse(u, place->path, "is a hard link to itself");
	if (r == 0)
		r = make_room(u, place);
	if (r == 0 && linkat(existing.parent_fd, existing.name, place->parent_fd, place->name, 0) < 0)
		r = failed(u, place->path);
	place_finish(&existing);
	return r;
}

// "Whiteouts" of the image specification, as overlayfs has them: a character device 0:0, or an opaque directory.
static int unpack_whiteout(struct unpacking *u, const struct place *place)
{
	if (strcmp(place->name, WHITEOUT_OPAQUE) == 0) {
		char path[32];
		snprintf(path, sizeof(path), "/proc/self/fd/%d", place->parent_fd);
		return setxattr(path, "trusted.overlay.opaque", "y", 1, 0) < 0 ? failed(u, place->path) : 0;
	}
	const char *hidden = place->name + strlen(WHITEOUT_PREFIX);
	if (strncmp(hidden, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0 || !hidden[0] || strcmp(hidden, ".") == 0 ||
	    strcmp(hidden, "..") == 0)
		return refuse(u, place->path, "is a whiteout of an unknown kind");
	// It hides what lower layers have. The same name in this layer stays, and hides as well.
	if (mknodat(place->parent_fd, hidden, S_IFCHR, makedev(0, 0)) == 0 || errno == EEXIST)
		return 0;
	return failed(u, place->path);
}

static int unpack_entry(struct unpacking *u, struct archive *archive, struct archive_entry *entry)
{
	if (++u->entries > CAT_LAYER_ENTRIES_MAX)
		return cat_err_set(u->err, -EBADMSG, "layer: more than %u entries", CAT_LAYER_ENTRIES_MAX);
	struct place place;
	const char *name = archive_entry_pathname(entry);
	// The locale may be unable to write it; the kernel is not.
	if (!name)
		name = archive_entry_pathname_utf8(entry);
	int r = place_find(u, name, true, &place);
	mode_t type = archive_entry_filetype(entry);
	const char *hardlink = archive_entry_hardlink(entry);
	if (r < 0)
		;
	else if (place.root && type != AE_IFDIR)
		r = refuse(u, name, "is the root, but no directory");
	else if (strncmp(place.name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
		r = unpack_whiteout(u, &place);
	else if (hardlink)
		r = unpack_hardlink(u, hardlink, &place);
	else if (type == AE_IFREG)
		r = unpack_file(u, archive, entry, &place);
	else if (type == AE_IFDIR)
		r = unpack_directory(u, entry, &place);
	else if (type == AE_IFLNK)
		r = unpack_symlink(u, entry, &place);
	else
		r = refuse(u, place.path, "is a device, a FIFO or a socket");
	place_finish(&place);
	return r;
}

static int unpack_all(struct unpacking *u, struct archive *archive)
{
	for (;;) {
		struct archive_entry *entry;
		int r = archive_read_next_header(archive, &entry);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return cat_err_set(u->err, -EBADMSG, "layer: %s", archive_error_string(archive));
		r = unpack_entry(u, archive, entry);
		if (r < 0)
			return r;
	}
}

// An archive may end before its blob does; the digest is that of the blob.
static int check_digest(struct source *source, const char *digest, struct cat_err *err)
{
	ssize_t n = 1;
	while (source->read <= source->size && (n > 0 || (n < 0 && errno == EINTR))) {
		n = read(source->fd, source->buffer, sizeof(source->buffer));
		if (n < 0 && errno != EINTR)
			return cat_err_errno(err, "layer %s", digest);
		if (n > 0 && !cat_digest_update(source->digest, source->buffer, (size_t)n))
			return cat_err_set(err, -ENOMEM, "layer %s: no memory", digest);
		source->read += n > 0 ? (uint64_t)n : 0;
	}
	if (source->read != source->size)
		return cat_err_set(err, -EBADMSG, "layer %s: the blob has %s bytes than the %llu of its descriptor",
				   digest, source->read < source->size ? "fewer" : "more",
				   (unsigned long long)source->size);
	char found[CAT_DIGEST_MAX];
	if (!cat_digest_finish(source->digest, found))
		return cat_err_set(err, -ENOMEM, "layer %s: no memory", digest);
	if (strcmp(found, digest) != 0)
		return cat_err_set(err, -EBADMSG, "layer %s: the blob's digest is %s", digest, found);
	return 0;
}

int cat_layer_unpack(int fd, uint64_t size, const char *digest, int root_fd, struct cat_err *err)
{
	struct unpacking u = {.root_fd = root_fd, .err = err};
	cat_autofree struct source *source = malloc(sizeof(*source));
	struct archive *archive = archive_read_new();
	if (!source || !archive) {
		archive_read_free(archive);
		return cat_err_set(err, -ENOMEM, "no memory");
	}
	source->fd = fd;
	source->size = size;
	source->read = 0;
	source->digest = cat_digest_create();
	int r = -ENOMEM;
	if (source->digest && archive_read_support_filter_gzip(archive) >= ARCHIVE_WARN &&
	    archive_read_support_format_tar(archive) >= ARCHIVE_WARN)
		r = archive_read_open(archive, source, NULL, read_source, NULL) == ARCHIVE_OK ? 0 : -EBADMSG;
	if (r < 0)
		cat_err_set(err, r, "layer %s: %s", digest,
			    archive_error_string(archive) ? archive_error_string(archive) : "no memory");
	else
		r = unpack_all(&u, archive);
	if (r == 0)
		r = check_digest(source, digest, err);
	archive_read_free(archive);
	cat_digest_destroy(source->digest);
	return r;
}
