// SPDX-License-Identifier: BSD-3-Clause
// How many connections each source has open on this lane, for max_per_source. Follows from the connections, so that it
// lies in the process's own memory, and is counted anew by a successor.
#ifndef FIREWALL_SOURCES_H
#define FIREWALL_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_flow.h"
#include "packet.h"

// Sources that are counted at once; connections of others are not limited.
#define FW_SOURCES_MAX (1u << 18)

struct fw_sources {
	struct cat_flow_table *table; // NULL: nothing is counted
	struct cat_flow_table *made;
	void *memory;
	size_t bytes;
};

// -ENOMEM. Memory is taken as it is used.
int fw_sources_init(struct fw_sources *sources, uint32_t connections, struct cat_err *err);
void fw_sources_finish(struct fw_sources *sources);
// Forgets all counts, and begins or stops counting.
void fw_sources_count(struct fw_sources *sources, bool on);

// `key`: of the connection that the end at `from_high` opens or opened.
uint32_t fw_sources_open(const struct fw_sources *sources, const struct fw_key *key, bool from_high);
// False: it is not counted.
bool fw_sources_add(struct fw_sources *sources, const struct fw_key *key, bool from_high);
void fw_sources_remove(struct fw_sources *sources, const struct fw_key *key, bool from_high);

#endif
