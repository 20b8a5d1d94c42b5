// SPDX-License-Identifier: BSD-3-Clause
#include "steps.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define STEPS_MAX 50000000u

void *steps_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	return memory;
}

static pid_t start(const struct steps *steps)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(77);
		if (steps->prepare)
			steps->prepare(steps->user);
		raise(SIGSTOP);
		steps->work(steps->user);
		raise(SIGSTOP);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	return child;
}

struct steps_result steps_run(const struct steps *steps)
{
	struct steps_result result = {0};
	uint8_t *seen = malloc(steps->bytes), *copy = aligned_alloc(64, (steps->bytes + 63) / 64 * 64);
	assert_true(seen && copy);
	memcpy(seen, steps->memory, steps->bytes);
	pid_t child = start(steps);
	for (;;) {
		int status;
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSTOPPED(status));
		if (WSTOPSIG(status) == SIGSTOP)
			break;
		assert_int_equal(WSTOPSIG(status), SIGTRAP);
		assert_true(++result.instructions < STEPS_MAX);
		if (memcmp(seen, steps->memory, steps->bytes) == 0)
			continue;
		result.stores++;
		memcpy(seen, steps->memory, steps->bytes);
		memcpy(copy, seen, steps->bytes);
		steps->check(steps->user, copy);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	free(copy);
	free(seen);
	return result;
}
