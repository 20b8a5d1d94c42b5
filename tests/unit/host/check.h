// SPDX-License-Identifier: BSD-3-Clause
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "cat_alloc.h"
#include "cat_cleanup.h"
#include "fake_host.h"

#endif
