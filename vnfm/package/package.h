// SPDX-License-Identifier: BSD-3-Clause
// VNF packages: what kinds of functions there are, and bringing them from host to host as CSAR files.
#ifndef PACKAGE_H
#define PACKAGE_H

#include "api_request.h"
#include "descriptor.h"

extern const struct api_surface package_surface;

// One entry of GET /catena/v1/packages. NULL: no memory; the caller frees.
struct cat_node *package_view(const struct cat_kinds *kinds, const char *kind);

#endif
