// SPDX-License-Identifier: BSD-3-Clause
#include "rogue.h"

int main(int argc, char **argv)
{
	return cat_vnf_main(argc, argv, &cat_rogue_ops);
}
