// SPDX-License-Identifier: BSD-3-Clause
// How it works
//
// Capabilities and no_new_privs belong to threads, and DPDK has started some of its own. Each thread is sent a signal
// whose handler makes the two system calls and says that it is done; threads made later inherit from the one that makes
// them.
#include "privileges.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cat_cleanup.h"

#define WAIT_STEP_NS 100000L
#define WAIT_STEPS 10000u // 1 s

struct request {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	_Atomic unsigned done, failed;
};

// The pointer travels with the signal, so that nothing of file scope is needed.
static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	struct request *request = info->si_value.sival_ptr;
	if (info->si_code != SI_QUEUE || info->si_pid != getpid() || !request)
		return;
	int saved = errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &request->header, request->data) < 0)
		atomic_fetch_add(&request->failed, 1);
	errno = saved;
	atomic_fetch_add(&request->done, 1);
}

// Returns how many threads were asked, or a negative errno.
static int ask_threads(int signo, struct request *request)
{
	cat_autodir DIR *tasks = opendir("/proc/self/task");
	if (!tasks)
		return -errno;
	int asked = 0;
	for (struct dirent *e = readdir(tasks); e; e = readdir(tasks)) {
		pid_t tid = atoi(e->d_name);
		if (tid <= 0)
			continue;
		siginfo_t info = {.si_signo = signo, .si_code = SI_QUEUE};
		info.si_pid = getpid();
		info.si_uid = getuid();
		info.si_value.sival_ptr = request;
		if (syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signo, &info) == 0)
			asked++;
		else if (errno != ESRCH)
			return -errno;
	}
	return asked;
}

static int drop_in_all_threads(struct request *request, struct cat_err *err)
{
	const int signo = SIGRTMAX;
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART}, before;
	if (sigaction(signo, &action, &before) < 0)
		return cat_err_errno(err, "sigaction");
	int asked = ask_threads(signo, request);
	for (unsigned i = 0; asked > 0 && (int)atomic_load(&request->done) < asked && i < WAIT_STEPS; i++)
		nanosleep(&(struct timespec){.tv_nsec = WAIT_STEP_NS}, NULL);
	sigaction(signo, &before, NULL);
	if (asked < 0)
		return cat_err_set(err, asked, "cannot reach all threads: %s", strerror(-asked));
	if ((int)atomic_load(&request->done) < asked || atomic_load(&request->failed))
		return cat_err_set(err, -EPERM, "%u of %d threads gave up their capabilities",
				   atomic_load(&request->done), asked);
	return 0;
}

int privileges_drop(const struct service *service, struct cat_err *err)
{
	struct request request = {.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
	capng_clear(CAPNG_SELECT_BOTH);
	for (uint32_t i = 0; i < service->lanes.port_count; i++) {
		const struct port *port = &service->lanes.port[i];
		int capability = port->driver->capability ? port->driver->capability(port) : -1;
		if (capability < 0)
			continue;
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)capability);
		request.data[capability / 32].effective |= 1u << capability % 32;
		request.data[capability / 32].permitted |= 1u << capability % 32;
	}
	// The bounding set can only be lowered by who still may; without that right there is nothing to lower.
	if (geteuid() == 0)
		capng_apply(CAPNG_SELECT_BOUNDS);
	return drop_in_all_threads(&request, err);
}
