// SPDX-License-Identifier: BSD-3-Clause
// Containers by an OCI runtime: bundle (OCI runtime specification 1.0), start, signal, delete.
#ifndef CAT_CONTAINER_H
#define CAT_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cat_err.h"

struct cat_container_mount {
	const char *source, *target;
	bool writable;
};

// What to run. All strings are the caller's and only read during the call.
//
// The container's root is an unprivileged user of the host. So: every directory on the way to image_root must be
// searchable by others, files in the image must be readable by others, and a unix socket that is bind mounted must
// belong to uid_base (or be writable for others) to be connected to. The system calls that it may make: seccomp.c.
struct cat_container_spec {
	const char *id;        // unique on the host: "catena-SERVICE-FUNCTION-N"
	const char *directory; // the bundle's directory: made by cat_container_create, removed by cat_container_delete;
			       // must not be there, its parents are made
	const char *runtime;   // "runc", or a path
	const char *runtime_root;   // the runtime's --root: made, and kept; one for all containers of a manager
	const char *image_root;     // mounted root file system (cat_image.h)
	const char *const *argv;    // NULL-terminated
	const char *const *environ; // NULL-terminated; start from the image's own (cat_image_config: config/Env)
	const char *hostname;
	const char *cgroup; // "catena/SERVICE/FUNCTION": the same below every v1 hierarchy or in v2
	uint32_t uid_base;  // host uid and gid of the container's root; 65,536 are mapped
	const uint32_t *cpus;
	uint32_t cpu_count;
	int node;                  // cpuset mems, -1: all
	uint64_t memory_max_bytes; // with swap
	uint32_t pids_max;         // 16 or more: the runtime's own threads count until the program runs
	uint64_t capabilities;     // bit set of CAP_* numbers, within the container's user namespace
	bool tun;                  // /dev/net/tun
	// Onto files or directories of the image, or anywhere below /run (made there). Nosuid, noexec, nodev.
	const struct cat_container_mount *mount;
	uint32_t mount_count;
	int log_fd; // standard output and error of the container: a pipe, or opened for appending; -1: none
};

// Writes the bundle and creates the container (runc create); everything is undone on failure.
// *ret_pid is the container's init: a child of the calling process if that is a subreaper (prctl(2)), else of
// process 1.
// These calls block (25 ms, 10 s at worst) and may be made from several threads.
// Errors: -EINVAL (the specification), -EEXIST (a container or bundle of that name is there, and stays), -ENOENT (no
// runtime, image or tun device), -EACCES (image_root cannot be reached), -ENOTSUP (no cgroups), -ETIMEDOUT (the runtime
// hung and was killed), -EIO (it failed: the message carries its own last words).
int cat_container_create(const struct cat_container_spec *spec, pid_t *ret_pid, struct cat_err *err);
// Lets the created process run.
int cat_container_start(const struct cat_container_spec *spec, struct cat_err *err);
// Create and start in one runtime call where the runtime can (faster).
int cat_container_run(const struct cat_container_spec *spec, pid_t *ret_pid, struct cat_err *err);
// Kills what runs, removes the container, its cgroups and its bundle directory. An absent one is fine, so
// that it serves after a crash too. Only id, directory, runtime, runtime_root and cgroup are read.
int cat_container_delete(const struct cat_container_spec *spec, struct cat_err *err);
// Runtime found and able (a line of why not, with a remedy).
int cat_container_check_runtime(const char *runtime, struct cat_err *err);

#endif
