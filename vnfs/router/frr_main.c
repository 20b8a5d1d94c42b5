// SPDX-License-Identifier: BSD-3-Clause
// The router with routing protocols, spoken by FRR's daemons.
#include "control.h"
#include "punt.h"

int main(int argc, char **argv)
{
	static const struct cat_vnf_ops ops = {
		.abi = CAT_VNF_ABI,
		.kind = "router-frr",
		.counters = router_counters,
		.config_create = router_frr_config_create,
		.config_destroy = router_config_destroy,
		.lane_create = router_lane_create,
		.lane_destroy = router_lane_destroy,
		.lane_reconfigured = router_lane_reconfigured,
		.process = router_process,
		.tick = router_tick,
		.inject = router_inject,
		.control_start = router_control_start,
		.control_prepare = router_control_prepare,
		.control_reconfigured = router_control_reconfigured,
		.control_stop = router_control_stop,
	};
	return cat_vnf_main(argc, argv, &ops);
}
