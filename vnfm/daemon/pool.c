// SPDX-License-Identifier: BSD-3-Clause
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct job {
	struct job *next;
	pool_fn work, done;
	void *user;
};

struct pool {
	struct cat_loop *loop;
	pthread_mutex_t lock; // guards what follows
	pthread_cond_t wake;
	struct job *first, **last;
	bool ending;
	unsigned threads;
	pthread_t thread[POOL_THREADS_MAX];
};

static void *run(void *user)
{
	struct pool *pool = user;
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!pool->first && !pool->ending)
			pthread_cond_wait(&pool->wake, &pool->lock);
		struct job *job = pool->first;
		if (!job)
			break;
		pool->first = job->next;
		if (!pool->first)
			pool->last = &pool->first;
		pthread_mutex_unlock(&pool->lock);
		job->work(job->user);
		// Without memory for the notice the job would be lost and its service stuck for ever: try until it
		// goes.
		while (cat_loop_post(pool->loop, job->done, job->user) < 0)
			nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		free(job);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct pool *pool_create(struct cat_loop *loop, unsigned threads, struct cat_err *err)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	if (!pool) {
		cat_err_set(err, -ENOMEM, "threads: no memory");
		return NULL;
	}
	pool->loop = loop;
	pool->last = &pool->first;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	// Signals are for the loop's thread.
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (; pool->threads < threads && pool->threads < POOL_THREADS_MAX; pool->threads++) {
		int r = pthread_create(&pool->thread[pool->threads], NULL, run, pool);
		if (r) {
			cat_err_set(err, -r, "threads: %s", strerror(r));
			break;
		}
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pool->threads < threads) {
		pool_destroy(pool);
		return NULL;
	}
	return pool;
}

void pool_destroy(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->threads; i++)
		pthread_join(pool->thread[i], NULL);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

int pool_submit(struct pool *pool, pool_fn work, pool_fn done, void *user)
{
	struct job *job = malloc(sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct job){.work = work, .done = done, .user = user};
	pthread_mutex_lock(&pool->lock);
	*pool->last = job;
	pool->last = &job->next;
	pthread_cond_signal(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	return 0;
}
