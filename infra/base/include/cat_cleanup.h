// SPDX-License-Identifier: BSD-3-Clause
// Scope-bound ownership for control code (GCC and Clang's cleanup attribute).
#ifndef CAT_CLEANUP_H
#define CAT_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cat_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cat_cleanup_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
}

static inline void cat_cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cat_cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define cat_autofree __attribute__((cleanup(cat_cleanup_free)))
#define cat_autofd __attribute__((cleanup(cat_cleanup_fd)))
#define cat_autofile __attribute__((cleanup(cat_cleanup_file)))
#define cat_autodir __attribute__((cleanup(cat_cleanup_dir)))

// Hands an owned descriptor or pointer on: the variable forgets it, the caller gets it.
#define cat_steal_fd(fd)                                                                                               \
	({                                                                                                             \
		int *cat_fd_ = &(fd);                                                                                  \
		int cat_v_ = *cat_fd_;                                                                                 \
		*cat_fd_ = -1;                                                                                         \
		cat_v_;                                                                                                \
	})
#define cat_steal(p)                                                                                                   \
	({                                                                                                             \
		__typeof__(p) *cat_p_ = &(p);                                                                          \
		__typeof__(p) cat_q_ = *cat_p_;                                                                        \
		*cat_p_ = NULL;                                                                                        \
		cat_q_;                                                                                                \
	})

#define CAT_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
