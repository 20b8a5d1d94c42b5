// SPDX-License-Identifier: BSD-3-Clause
#include "control.h"

#include <stdio.h>
#include <time.h>

#include "cat_daemon.h"
#include "firewall.h"

#define LOG_INTERVAL_MS 50

static uint64_t clock_us(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void on_timer(void *user)
{
	struct cat_vnf *vnf = user;
	uint64_t offset_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC);
	struct fw_log_record record;
	char line[FW_LOG_LINE_MAX];
	for (uint32_t i = 0; cat_vnf_lane(vnf, i); i++) {
		struct fw_lane *fw = cat_vnf_lane(vnf, i)->priv;
		// No more than a ring's worth at once: the worker may go on writing.
		for (uint32_t n = 0; n < FW_LOG_RECORDS && fw_log_take(&fw->log, &record); n++) {
			fw_log_format(&record, record.time_us + offset_us, line);
			fputs(line, stderr);
		}
	}
}

int fw_control_start(struct cat_vnf *vnf, const void *config, struct cat_err *err)
{
	(void)config;
	struct cat_source *timer =
		cat_loop_add_timer(cat_vnf_loop(vnf), LOG_INTERVAL_MS, LOG_INTERVAL_MS, on_timer, vnf, err);
	cat_vnf_set_user(vnf, timer);
	return timer ? 0 : err->code;
}

void fw_control_stop(struct cat_vnf *vnf)
{
	struct cat_source *timer = cat_vnf_user(vnf);
	// Workers have stopped: what they left is the last.
	if (timer)
		on_timer(vnf);
	cat_source_remove(timer);
	cat_vnf_set_user(vnf, NULL);
}
