// SPDX-License-Identifier: BSD-3-Clause
#ifndef SOL_MEASURE_H
#define SOL_MEASURE_H

#include "sol.h"

struct measure_value {
	double value, base; // a percentage is of the growth of base
	bool level, percent;
};

// "Vnf" or "VnfExtCp"; NULL: there is no such measurement.
const char *measure_object(const char *name);
// side: "left" or "right" of a VnfExtCp. False: it does not run.
bool measure_read(const struct sol *sol, const struct sol_resource *instance, const char *name, const char *side,
		  struct measure_value *ret_value);
// What was measured between two readings: growth, a percentage, or the later level.
double measure_between(const struct measure_value *before, const struct measure_value *after);

#endif
