// SPDX-License-Identifier: BSD-3-Clause
// Gives up what is not needed once a service is open.
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include "service.h"

// Keeps only the capabilities that the open ports' drivers name, in all threads, and sets no_new_privs.
int privileges_drop(const struct service *service, struct cat_err *err);

#endif
