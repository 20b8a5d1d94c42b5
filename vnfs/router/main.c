// SPDX-License-Identifier: BSD-3-Clause
#include "cat_router.h"

int main(int argc, char **argv)
{
	return cat_vnf_main(argc, argv, &cat_router_ops);
}
