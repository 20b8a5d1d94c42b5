// SPDX-License-Identifier: BSD-3-Clause
#include "null.h"

int main(int argc, char **argv)
{
	return cat_vnf_main(argc, argv, &null_ops);
}
