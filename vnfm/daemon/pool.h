// SPDX-License-Identifier: BSD-3-Clause
// Threads for what blocks (the OCI runtime, mounts, huge pages): a job runs on one of them, what follows on the loop.
#ifndef VNFM_POOL_H
#define VNFM_POOL_H

#include "cat_err.h"
#include "cat_loop.h"

struct pool;
typedef void (*pool_fn)(void *user);

#define POOL_THREADS_MAX 64u

// NULL: err says why.
struct pool *pool_create(struct cat_loop *loop, unsigned threads, struct cat_err *err);
// Lets submitted jobs end (their `done` is not called any more when the loop no longer runs) and joins the threads.
void pool_destroy(struct pool *pool);
// `work` runs on a thread, then `done` on the loop's. Jobs start in the order of submission. 0 or -ENOMEM.
int pool_submit(struct pool *pool, pool_fn work, pool_fn done, void *user);

#endif
