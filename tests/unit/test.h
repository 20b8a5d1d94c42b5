// SPDX-License-Identifier: BSD-3-Clause
// cmocka and the headers that it wants before it.
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
