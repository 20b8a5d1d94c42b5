// SPDX-License-Identifier: BSD-3-Clause
#include "tagger.h"

int main(int argc, char **argv)
{
	return cat_vnf_main(argc, argv, &tagger_ops);
}
