// SPDX-License-Identifier: BSD-3-Clause
// The null function: every packet that comes in on one side leaves on the other, unchanged. For tests and benchmarks.
#ifndef NULL_H
#define NULL_H

#include "cat_vnf.h"

extern const struct cat_vnf_ops null_ops;

#endif
