// SPDX-License-Identifier: BSD-3-Clause
#include "cat_vcpe.h"
#include "control.h"

int main(int argc, char **argv)
{
	// The library form has no process and so no tap.
	struct cat_vnf_ops ops = cat_vcpe_ops;
	ops.control_start = vcpe_control_start;
	ops.control_reconfigured = vcpe_control_reconfigured;
	ops.control_stop = vcpe_control_stop;
	return cat_vnf_main(argc, argv, &ops);
}
