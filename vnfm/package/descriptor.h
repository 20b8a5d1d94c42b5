// SPDX-License-Identifier: BSD-3-Clause
// What vnfd.yaml says of a kind in the terms of ETSI GS NFV-SOL 001, with defaults for descriptors that say nothing.
#ifndef PACKAGE_DESCRIPTOR_H
#define PACKAGE_DESCRIPTOR_H

#include "cat_service.h"

// The one scaling aspect: lanes of the service that the function is part of.
#define DESCRIPTOR_ASPECT "lanes"

// Texts are borrowed from the kinds.
struct descriptor {
	const char *kind, *provider, *product, *software_version, *version;
	char id[37]; // vnfdId
	const struct cat_node *tree;
};
void descriptor_read(const struct cat_kinds *kinds, const char *kind, struct descriptor *ret_descriptor);
int descriptor_find(const struct cat_kinds *kinds, const char *vnfd_id, struct descriptor *ret_descriptor); // -ENOENT
// Keys of a function in a service file that the flavour sets (memory, state, pids); NULL: no such flavour. Borrowed.
const struct cat_node *descriptor_flavour(const struct descriptor *descriptor, const char *flavour);
// Lanes of an instantiation level; 0: no such level.
int64_t descriptor_level(const struct descriptor *descriptor, const char *level);

#endif
