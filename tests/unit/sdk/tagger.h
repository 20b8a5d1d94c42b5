// SPDX-License-Identifier: BSD-3-Clause
#ifndef TAGGER_H
#define TAGGER_H

#include "cat_vnf.h"

extern const struct cat_vnf_ops tagger_ops;

#endif
