// SPDX-License-Identifier: BSD-3-Clause
// On how many cores a service's lanes run, by their load. The decision knows nothing of services: it is a function of
// what was measured and of what it remembers, and is tested on curves of load.
//
// Why it does not flap: a core is given back only if the others, having taken its load over, stay below the load for
// growing by the distance that `shrink` has to it. Under an even load no change is followed by its opposite. Under one
// that swings, changes are `hold_ms` apart, and a core is given back only after `hold_ms` without any reason to keep
// it.
#ifndef VNFM_AUTOSCALE_H
#define VNFM_AUTOSCALE_H

#include <stdbool.h>
#include <stdint.h>

// Looks in a row that must agree before the service grows.
#define AUTOSCALE_LOOKS 3u
// Of the fullest ring between two neighbours: from here on the lanes do not keep up, whatever their load says.
#define AUTOSCALE_QUEUE 0.5

struct autoscale_limits {
	uint32_t minimum, maximum; // cores
	double grow, shrink;       // load of a core, 0 to 1; shrink < grow
	uint64_t hold_ms;
};

struct autoscale {
	uint32_t busy_looks; // in a row
	uint64_t changed_ms; // 0: never
	uint64_t idle_since; // 0: there is a reason for every core
	bool at_most;        // it was said that more cores are needed than there may be
	uint64_t ticks, us;  // of the look before, for the clock's rate
};

// busy: load of all cores together, in cores. queue: the fullest ring's share, 0 to 1. Returns how many cores it should
// be from now on. ret_lacking: more would be needed than the maximum.
uint32_t autoscale_decide(struct autoscale *memory, const struct autoscale_limits *limits, uint32_t cores, double busy,
			  double queue, uint64_t now_ms, bool *ret_lacking);

struct service;
// Once a second, after a sample was taken: changes the service where that is due.
void autoscale_look(struct service *service);

#endif
