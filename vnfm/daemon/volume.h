// SPDX-License-Identifier: BSD-3-Clause
// A function's state memory on disk, from `down` to the next `up`: STATE-DIR/volumes/SERVICE/FUNCTION.KIND.BOOT. Only
// until the host is booted again: what is in it counts time from then on.
#ifndef VNFM_VOLUME_H
#define VNFM_VOLUME_H

#include "cat_err.h"

// NULL: no memory, or the host's boot id cannot be read. The caller frees.
char *volume_path(const char *state_dir, const char *service, const char *function, const char *kind);
// Copies what is not zero into the file, complete or not at all.
int volume_save(const char *path, int memory, struct cat_err *err);
// Copies it back. -ENOENT: there is none; -ESTALE: it has another size.
int volume_load(const char *path, int memory, struct cat_err *err);

#endif
