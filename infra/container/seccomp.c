// SPDX-License-Identifier: BSD-3-Clause
// The system calls that a function and the daemons beside it may make.
//
// An allow list, so that a system call that a later kernel adds is refused until somebody has looked at it. libseccomp
// tells which names the running architecture has; what it does not know is left out, because a runtime refuses a
// profile with names that it cannot resolve.
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "cat_cleanup.h"
#include "container.h"

// clang-format off
static const char *const allowed[] = {
	// Files and descriptors.
	"access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
	"faccessat", "faccessat2", "fadvise64", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
	"fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fstat", "fstatfs", "fsync", "ftruncate",
	"futimesat", "getcwd", "getdents", "getdents64", "getxattr", "inotify_add_watch", "inotify_init",
	"inotify_init1", "inotify_rm_watch", "ioctl", "lchown", "lgetxattr", "link", "linkat", "listxattr", "llistxattr",
	"lseek", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2", "pread64",
	"preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv",
	"rename", "renameat", "renameat2", "rmdir", "sendfile", "splice", "stat", "statfs", "statx", "symlink",
	"symlinkat", "sync_file_range", "tee", "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes",
	"vmsplice", "write", "writev",
	// Waiting.
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
	"poll", "ppoll", "pselect6", "select", "signalfd", "signalfd4", "timerfd_create", "timerfd_gettime",
	"timerfd_settime",
	// Memory. Region and rings are memfds; the EAL asks for NUMA placement.
	"brk", "get_mempolicy", "mbind", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall",
	"mmap", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
	"pkey_mprotect", "set_mempolicy", "set_mempolicy_home_node",
	// Processes, threads and their scheduling. clone has a rule of its own.
	"arch_prctl", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_requeue", "futex_wait",
	"futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu", "getpgid", "getpgrp", "getpid",
	"getppid", "getpriority", "getrlimit", "getrusage", "getsid", "gettid", "kill", "pause", "pidfd_open",
	"pidfd_send_signal", "prctl", "prlimit64", "restart_syscall", "rseq", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
	"sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
	"sched_yield", "set_robust_list", "set_thread_area", "set_tid_address", "setpgid", "setpriority", "setrlimit",
	"setsid", "tgkill", "times", "tkill", "uname", "vfork", "wait4", "waitid", "waitpid",
	"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp",
	"riscv_flush_icache", "riscv_hwprobe",
	// Signals.
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
	"rt_sigtimedwait", "rt_tgsigqueueinfo", "sigaltstack",
	// Identities: daemons drop to a user of their own within the container's 65,536.
	"capget", "capset", "getegid", "geteuid", "getgid", "getgroups", "getresgid", "getresuid", "getuid", "setfsgid",
	"setfsuid", "setgid", "setgroups", "setregid", "setresgid", "setresuid", "setreuid", "setuid",
	// Sockets. socket itself is allowed by family.
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
	"recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socketpair",
	// Time and the rest.
	"alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "getrandom", "gettimeofday", "nanosleep",
	"setitimer", "sysinfo", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
	"timer_settime",
};
// clang-format on

// No vsock: it would reach past the network namespace to a hypervisor; none of the kernel's rarer families, which is
// where its holes have been.
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};

// Of madvise, what concerns the caller alone. MADV_REMOVE would punch holes into memory that neighbours share: in huge
// pages they could then find no page to come in its place, and die of it (SIGBUS). fallocate can do the same, but for
// mode 0.
static const int advice[] = {
	MADV_NORMAL,        MADV_RANDOM,         MADV_SEQUENTIAL, MADV_WILLNEED,   MADV_DONTNEED,
	MADV_FREE,          MADV_DONTFORK,       MADV_DOFORK,     MADV_HUGEPAGE,   MADV_NOHUGEPAGE,
	MADV_DONTDUMP,      MADV_DODUMP,         MADV_WIPEONFORK, MADV_KEEPONFORK,
#ifdef MADV_POPULATE_WRITE
	MADV_POPULATE_READ, MADV_POPULATE_WRITE,
#endif
};

// A namespace of one's own brings all capabilities in it, and with them most of the kernel's attack surface.
static const unsigned long namespaces =
	CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

static const struct {
	uint32_t token;
	const char *name;
} architectures[] = {
	{SCMP_ARCH_X86_64, "SCMP_ARCH_X86_64"},   {SCMP_ARCH_X86, "SCMP_ARCH_X86"},
	{SCMP_ARCH_AARCH64, "SCMP_ARCH_AARCH64"}, {SCMP_ARCH_ARM, "SCMP_ARCH_ARM"},
	{SCMP_ARCH_PPC64LE, "SCMP_ARCH_PPC64LE"}, {SCMP_ARCH_S390X, "SCMP_ARCH_S390X"},
	{SCMP_ARCH_RISCV64, "SCMP_ARCH_RISCV64"},
};

static const char *architecture_name(void)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(architectures); i++)
		if (architectures[i].token == seccomp_arch_native())
			return architectures[i].name;
	return NULL;
}

static bool known(const char *name)
{
	return seccomp_syscall_resolve_name(name) >= 0;
}

static json_t *allowed_names(void)
{
	json_t *names = json_array();
	for (size_t i = 0; names && i < CAT_ARRAY_LEN(allowed); i++)
		if (known(allowed[i]) && json_array_append_new(names, json_string(allowed[i])) < 0) {
			json_decref(names);
			return NULL;
		}
	return names;
}

// Adds one rule; steals it. False: no memory (rule may be NULL).
static bool add(json_t *rules, json_t *rule)
{
	return json_array_append_new(rules, rule) == 0;
}

// Allows a call whose argument is that.
static bool add_equal(json_t *rules, const char *name, int argument, int value)
{
	return add(rules, json_pack("{s:[s], s:s, s:[{s:i, s:i, s:s}]}", "names", name, "action", "SCMP_ACT_ALLOW",
				    "args", "index", argument, "value", value, "op", "SCMP_CMP_EQ"));
}

static bool add_rules(json_t *rules)
{
	if (!add(rules, json_pack("{s:o, s:s}", "names", allowed_names(), "action", "SCMP_ACT_ALLOW")))
		return false;
	// s390 has stack and flags the other way round.
	int flags = seccomp_arch_native() == SCMP_ARCH_S390X ? 1 : 0;
	if (!add(rules, json_pack("{s:[s], s:s, s:[{s:i, s:I, s:I, s:s}]}", "names", "clone", "action",
				  "SCMP_ACT_ALLOW", "args", "index", flags, "value", (json_int_t)namespaces, "valueTwo",
				  (json_int_t)0, "op", "SCMP_CMP_MASKED_EQ")))
		return false;
	// Its flags are behind a pointer that a filter cannot follow; the C library falls back to clone on ENOSYS.
	if (known("clone3") && !add(rules, json_pack("{s:[s], s:s, s:i}", "names", "clone3", "action", "SCMP_ACT_ERRNO",
						     "errnoRet", ENOSYS)))
		return false;
	for (size_t i = 0; i < CAT_ARRAY_LEN(families); i++)
		if (!add_equal(rules, "socket", 0, families[i]))
			return false;
	for (size_t i = 0; i < CAT_ARRAY_LEN(advice); i++)
		if (!add_equal(rules, "madvise", 2, advice[i]))
			return false;
	return add_equal(rules, "fallocate", 1, 0);
}

json_t *cat_seccomp_profile(void)
{
	json_t *rules = json_array();
	if (!rules || !add_rules(rules)) {
		json_decref(rules);
		return NULL;
	}
	json_t *profile = json_pack("{s:s, s:i, s:o}", "defaultAction", "SCMP_ACT_ERRNO", "defaultErrnoRet", EPERM,
				    "syscalls", rules);
	const char *architecture = architecture_name();
	// Only the native one: the calls of another (int 0x80 on x86-64) kill the caller.
	if (profile && architecture &&
	    json_object_set_new(profile, "architectures", json_pack("[s]", architecture)) < 0) {
		json_decref(profile);
		return NULL;
	}
	return profile;
}
