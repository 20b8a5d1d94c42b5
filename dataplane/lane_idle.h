// SPDX-License-Identifier: BSD-3-Clause
// The lane's thread around its rounds: start, idling, housekeeping, end.
#ifndef LANE_IDLE_H
#define LANE_IDLE_H

#include "lane.h"

// Ends a lane's sleep; from any thread.
void lane_wake(struct lane *lane);

#endif
