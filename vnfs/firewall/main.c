// SPDX-License-Identifier: BSD-3-Clause
#include "cat_firewall.h"
#include "control.h"

int main(int argc, char **argv)
{
	// The library form has no process and so no log to write.
	struct cat_vnf_ops ops = cat_firewall_ops;
	ops.control_start = fw_control_start;
	ops.control_stop = fw_control_stop;
	return cat_vnf_main(argc, argv, &ops);
}
