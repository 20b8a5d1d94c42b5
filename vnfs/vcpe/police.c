// SPDX-License-Identifier: BSD-3-Clause
#include "police.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_parse.h"

#define SUBSCRIBERS6 16384u
#define SUBSCRIBER6_MS 300000u
#define EXPIRE_BUDGET 256u
// A token period need not be longer: rates that divide badly are rounded to what it gives.
#define PERIOD_NS_MAX UINT64_C(100000)

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

// kbps bytes per 8,000,000 ns, in smallest terms.
static void set_rate(uint64_t kbps, uint32_t lanes, uint64_t *ret_period, uint64_t *ret_bytes)
{
	uint64_t period = UINT64_C(8000000) * lanes, divisor = gcd(kbps, period);
	uint64_t bytes = kbps / divisor;
	period /= divisor;
	if (period > PERIOD_NS_MAX && bytes > 1) {
		uint64_t scaled = (bytes * PERIOD_NS_MAX + period / 2) / period;
		if (scaled == 0) {
			// Less than a byte in the longest period: one byte in as long as it takes.
			period = (period + bytes / 2) / bytes;
			bytes = 1;
		} else {
			bytes = scaled;
			period = PERIOD_NS_MAX;
		}
	}
	*ret_period = period;
	*ret_bytes = bytes;
}

void police_configure(struct police *police, const struct vcpe_config *config, uint32_t lanes)
{
	const struct vcpe_police_config *c = &config->police;
	police->enabled = c->enabled;
	if (!c->enabled)
		return;
	// rte_meter would count in time stamp ticks; nanoseconds of the worker's clock make it testable, and mean the
	// same for a successor.
	police->profile.cbs = c->cbs_bytes;
	police->profile.pbs = c->pbs_bytes;
	set_rate(c->cir_kbps, lanes, &police->profile.cir_period, &police->profile.cir_bytes_per_period);
	set_rate(c->pir_kbps, lanes, &police->profile.pir_period, &police->profile.pir_bytes_per_period);
}

int police_init(struct police *police, const struct vcpe_config *config, uint32_t lanes, struct cat_err *err)
{
	struct cat_flow_layout layout = {
		.version = 1, .key_size = 16, .value_size = sizeof(struct police_meters), .capacity = SUBSCRIBERS6};
	size_t bytes = (cat_flow_bytes(&layout) + 63) & ~(size_t)63;
	bool adopted;
	*police = (struct police){0};
	police->subscriber = calloc(VCPE_SUBSCRIBERS_MAX, sizeof(*police->subscriber));
	police->memory6 = aligned_alloc(64, bytes);
	if (!police->subscriber || !police->memory6) {
		police_finish(police);
		return cat_err_set(err, -ENOMEM, "no memory for policing");
	}
	memset(police->memory6, 0, bytes);
	int r = cat_flow_attach(police->memory6, bytes, &layout, &police->subscriber6, &adopted, err);
	if (r < 0) {
		police_finish(police);
		return r;
	}
	police_configure(police, config, lanes);
	return 0;
}

void police_finish(struct police *police)
{
	free(police->subscriber);
	free(police->memory6);
	police->subscriber = NULL;
	police->memory6 = NULL;
}

struct police_meters *police_meters6(struct police *police, const uint8_t address[16], uint64_t now_ms)
{
	static const uint8_t any[16];
	uint32_t hash = cat_flow_hash6(address, any, 0, 0, 0);
	uint32_t index = cat_flow_find(police->subscriber6, address, hash);
	if (index == CAT_FLOW_NONE)
		index = cat_flow_add(police->subscriber6, address, hash, now_ms + SUBSCRIBER6_MS);
	else
		cat_flow_set_expiry(police->subscriber6, index, now_ms + SUBSCRIBER6_MS);
	return index == CAT_FLOW_NONE ? &police->crowd : cat_flow_value(police->subscriber6, index);
}

static void on_expired(void *user, struct cat_flow_table *table, uint32_t index)
{
	(void)user;
	(void)table;
	(void)index;
}

void police_expire(struct police *police, uint64_t now_ms)
{
	cat_flow_expire(police->subscriber6, now_ms, EXPIRE_BUDGET, on_expired, NULL);
}
