// SPDX-License-Identifier: BSD-3-Clause
// Everything that the process shares with others, remembered as it is mapped: the SDK closes the descriptors, a hostile
// VNF would not.
//
// mmap of this file takes the place of the C library's for all of the program's own objects.
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rogue.h"

static struct rogue_memory memory[ROGUE_MEMORY_MAX];
static _Atomic unsigned memory_count;

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	long result = syscall(SYS_mmap, address, size, protection, flags, fd, offset);
	bool shared = result >= 0 || result < -4095;
	// Only what has seals is memory that somebody gave us.
	if (shared && fd >= 0 && flags & MAP_SHARED && fcntl(fd, F_GET_SEALS) > 0) {
		unsigned i = atomic_load(&memory_count);
		if (i < ROGUE_MEMORY_MAX) {
			memory[i] = (struct rogue_memory){(void *)result, size, fcntl(fd, F_DUPFD_CLOEXEC, 0)};
			atomic_store(&memory_count, i + 1);
		}
	}
	return (void *)result;
}

const struct rogue_memory *rogue_memory(unsigned *ret_count)
{
	*ret_count = atomic_load(&memory_count);
	return memory;
}
