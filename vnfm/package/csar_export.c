// SPDX-License-Identifier: BSD-3-Clause
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_service.h"
#include "csar.h"
#include "csar_image.h"
#include "descriptor.h"
#include "image.h"

#define FILE_MAX (512ull << 20)

struct writer {
	struct archive *archive;
	FILE *manifest;
	struct cat_err *err;
};

static int add(struct writer *writer, const char *path, const void *data, size_t size)
{
	struct archive_entry *entry = archive_entry_new();
	int r = 0;
	if (!entry)
		return cat_err_set(writer->err, -ENOMEM, "no memory");
	archive_entry_set_pathname(entry, path);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	// The same kind makes the same package.
	archive_entry_set_mtime(entry, 315532800, 0);
	if (archive_write_header(writer->archive, entry) != ARCHIVE_OK ||
	    archive_write_data(writer->archive, data, size) != (la_ssize_t)size)
		r = cat_err_set(writer->err, -EIO, "%s: %s", path, archive_error_string(writer->archive));
	archive_entry_free(entry);
	return r;
}

// Adds it and writes it down in the manifest.
static int add_listed(struct writer *writer, const char *path, const void *data, size_t size)
{
	char digest[CAT_DIGEST_MAX];
	struct cat_digest *sum = cat_digest_create();
	bool done = sum && cat_digest_update(sum, data, size) && cat_digest_finish(sum, digest);
	cat_digest_destroy(sum);
	if (!done)
		return cat_err_set(writer->err, -ENOMEM, "no memory");
	fprintf(writer->manifest, "\nSource: %s\nAlgorithm: SHA-256\nHash: %s\n", path, digest + 7);
	return add(writer, path, data, size);
}

static int add_text(struct writer *writer, const char *path, const char *text)
{
	return text ? add_listed(writer, path, text, strlen(text)) : cat_err_set(writer->err, -ENOMEM, "no memory");
}

static int add_file(struct writer *writer, const char *path, const char *directory, const char *name)
{
	cat_autofree char *source = cat_format("%s/%s", directory, name), *data = NULL;
	size_t size = 0;
	int r = source ? cat_file_read(AT_FDCWD, source, FILE_MAX, &data, &size, writer->err)
		       : cat_err_set(writer->err, -ENOMEM, "no memory");
	return r < 0 ? r : add_listed(writer, path, data, size);
}

static int add_image(struct writer *writer, const char *layout, const char *tag)
{
	char digests[CSAR_BLOBS_MAX][72];
	size_t count = 0;
	cat_autonode struct cat_node *entry = NULL;
	int r = csar_image_blobs(layout, tag, digests, &count, &entry, writer->err);
	cat_autofree char *index = r == 0 ? csar_image_index(entry) : NULL;
	if (r == 0)
		r = add_text(writer, "Files/image/index.json", index);
	if (r == 0)
		r = add_text(writer, "Files/image/oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}\n");
	for (size_t i = 0; i < count && r == 0; i++) {
		cat_autofree char *name = cat_format("blobs/sha256/%s", digests[i] + 7);
		cat_autofree char *path = name ? cat_format("Files/image/%s", name) : NULL;
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= !strcmp(digests[k], digests[i]);
		if (!again)
			r = path ? add_file(writer, path, layout, name)
				 : cat_err_set(writer->err, -ENOMEM, "no memory");
	}
	return r;
}

static int write_all(struct writer *writer, const struct csar_places *places, const struct cat_kinds *kinds,
		     const char *kind)
{
	struct descriptor d;
	descriptor_read(kinds, kind, &d);
	const struct cat_node *image = cat_node_get(d.tree, "image");
	cat_autofree char *meta =
		cat_format("TOSCA-Meta-File-Version: 1.0\nCSAR-Version: 1.1\nCreated-By: Catena " CATENA_VERSION
			   "\nEntry-Definitions: Definitions/%s.yaml\nETSI-Entry-Manifest: %s.mf\n"
			   "ETSI-Entry-Change-Log: ChangeLog.txt\n",
			   kind, kind);
	cat_autofree char *vnfd = csar_vnfd(kind, d.id, d.provider, d.product, d.software_version, d.version, d.tree,
					    cat_kinds_schema(kinds, kind));
	cat_autofree char *definitions = cat_format("Definitions/%s.yaml", kind);
	cat_autofree char *log = cat_format("%s %s\n", d.product, d.software_version);
	cat_autofree char *place = cat_format("%s/%s", places->kinds, kind);
	if (!definitions || !place)
		return cat_err_set(writer->err, -ENOMEM, "no memory");
	fprintf(writer->manifest,
		"metadata:\n  vnfd_id: %s\n  vnf_provider_id: %s\n  vnf_product_name: %s\n  vnf_software_version: %s\n"
		"  vnf_package_version: %s\n  vnf_release_date_time: 1980-01-01T00:00:00Z\n"
		"  compatible_specification_versions: 3.3.1\n  vnfm_info: catena\n",
		d.id, d.provider, d.product, d.software_version, d.version);
	int r = add_text(writer, "TOSCA-Metadata/TOSCA.meta", meta);
	if (r == 0)
		r = add_text(writer, definitions, vnfd);
	if (r == 0)
		r = add_text(writer, "ChangeLog.txt", log);
	if (r == 0)
		r = add_file(writer, "Files/vnfd.yaml", place, "vnfd.yaml");
	if (r == 0)
		r = add_file(writer, "Files/schema.json", place, "schema.json");
	return r < 0 ? r : add_image(writer, places->images, image && image->type == CAT_STRING ? image->string : kind);
}

static int write_archive(const struct csar_places *places, const struct cat_kinds *kinds, const char *kind, int fd,
			 struct cat_err *err)
{
	char *manifest = NULL;
	size_t size = 0;
	struct writer writer = {
		.archive = archive_write_new(), .manifest = open_memstream(&manifest, &size), .err = err};
	cat_autofree char *name = cat_format("%s.mf", kind);
	int r = writer.archive && writer.manifest && name &&
				archive_write_set_format_zip(writer.archive) == ARCHIVE_OK &&
				archive_write_open_fd(writer.archive, fd) == ARCHIVE_OK
			? 0
			: cat_err_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = write_all(&writer, places, kinds, kind);
	if (writer.manifest && fclose(writer.manifest) != 0 && r == 0)
		r = cat_err_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = add(&writer, name, manifest, size);
	if (r == 0 && archive_write_close(writer.archive) != ARCHIVE_OK)
		r = cat_err_set(err, -EIO, "%s", archive_error_string(writer.archive));
	archive_write_free(writer.archive);
	free(manifest);
	return r;
}

int csar_export(const struct csar_places *places, const char *kind, const char *path, struct cat_err *err)
{
	const char *const list[] = {places->kinds, NULL};
	cat_autofree char *temporary = cat_format("%s.part", path);
	struct cat_kinds *kinds = temporary ? cat_kinds_load(list, err) : NULL;
	if (!kinds)
		return temporary ? err->code : cat_err_set(err, -ENOMEM, "no memory");
	int r = 0;
	cat_autofd int fd = -1;
	if (!cat_kinds_descriptor(kinds, kind))
		r = cat_err_set(err, -ENOENT, "there is no kind \"%s\" in %s", kind, places->kinds);
	else if ((fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
		r = cat_err_errno(err, "%s", temporary);
	if (r == 0) {
		r = write_archive(places, kinds, kind, fd, err);
		if (r == 0 && rename(temporary, path) < 0)
			r = cat_err_errno(err, "%s", path);
		if (r < 0)
			unlink(temporary);
	}
	cat_kinds_free(kinds);
	return r;
}
