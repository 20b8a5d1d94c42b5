// SPDX-License-Identifier: BSD-3-Clause
// Runs inside a container and tells what it finds and what it is refused, one "name value" a line. A refused call's
// value is the name of its errno, "ok" if it was not refused.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void tell(const char *name, long result)
{
	printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");
}

static void tell_open(const char *name, const char *path, int flags)
{
	int fd = open(path, flags, 0600);
	tell(name, fd);
	if (fd >= 0)
		close(fd);
}

static void tell_status(void)
{
	static const char *const wanted[] = {"CapInh:",
					     "CapPrm:",
					     "CapEff:",
					     "CapBnd:",
					     "CapAmb:",
					     "NoNewPrivs:",
					     "Seccomp:",
					     "Threads:",
					     "Cpus_allowed_list:",
					     "Mems_allowed_list:",
					     "Uid:",
					     "Groups:"};
	FILE *f = fopen("/proc/self/status", "r");
	char line[4096];
	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0) {
				for (char *p = line; *p; p++)
					if (*p == '\t')
						*p = ' ';
				fputs(line, stdout);
			}
	if (f)
		fclose(f);
}

static void tell_file(const char *name, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[4096];
	while (f && fgets(line, sizeof(line), f))
		printf("%s %s", name, line);
	if (f)
		fclose(f);
}

static void tell_directory(const char *name, const char *path, int digits_only)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.' && (!digits_only || (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')))
			printf("%s %s\n", name, entry->d_name);
	if (directory)
		closedir(directory);
}

static int nothing(void *unused)
{
	(void)unused;
	return 0;
}

static void *thread(void *unused)
{
	return unused;
}

static void tell_refused(void)
{
	char stack[16384] __attribute__((aligned(16)));
	uint64_t clone_args[8] = {0};
	tell("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
	tell("umount", umount2("/proc", MNT_DETACH));
	tell("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
	tell("chroot", chroot("/tmp"));
	tell("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
	tell("unshare", unshare(CLONE_NEWUSER));
	tell("setns", setns(0, 0));
	tell("clone_newuser", clone(nothing, stack + sizeof(stack), CLONE_NEWUSER | SIGCHLD, NULL));
	tell("clone3", syscall(SYS_clone3, clone_args, sizeof(clone_args)));
	tell("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	tell("add_key", syscall(SYS_add_key, "user", "x", "x", 1, -3));
	tell("userfaultfd", syscall(SYS_userfaultfd, 0));
	tell("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	tell("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
	tell("init_module", syscall(SYS_init_module, NULL, 0, ""));
	tell("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
	tell("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, NULL, 0));
	tell("process_vm_readv", syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0));
	tell("mknod", mknod("/tmp/null", S_IFCHR | 0666, makedev(1, 3)));
	tell("syslog", syscall(SYS_syslog, 3, NULL, 0));
	tell("vsock", socket(40, SOCK_STREAM, 0));
	tell("alg", socket(38, SOCK_SEQPACKET, 0));
	tell_open("root_write", "/written", O_WRONLY | O_CREAT);
	tell_open("sys_write", "/proc/sys/net/ipv4/ip_forward", O_WRONLY);
	tell_open("sysrq_write", "/proc/sysrq-trigger", O_WRONLY);
	tell_open("dev_write", "/dev/written", O_WRONLY | O_CREAT);
	tell_open("kcore", "/proc/kcore", O_RDONLY | O_DIRECTORY);
	char byte;
	int masked = open("/proc/kallsyms", O_RDONLY);
	printf("kallsyms %zd\n", masked < 0 ? -1 : read(masked, &byte, 1));
	int zero = open("/tmp/program", O_CREAT | O_WRONLY, 0755);
	if (zero >= 0 && write(zero, "#!/probe\n", 9) == 9 && close(zero) == 0)
		tell("tmp_exec", execl("/tmp/program", "program", NULL));
}

static void tell_allowed(void)
{
	tell("sched_yield", sched_yield());
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	tell("sched_setaffinity", sched_setaffinity(0, sizeof(cpus), &cpus));
	uint32_t word = 1;
	tell("futex", syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0));
	struct futex_waitv waiter = {.val = 0, .uaddr = (uintptr_t)&word, .flags = FUTEX_32};
	struct timespec when = {0};
	// EAGAIN: the word has changed, so the call itself was let through.
	tell("futex_waitv", syscall(SYS_futex_waitv, &waiter, 1, 0, &when, CLOCK_MONOTONIC));
	int memfd = memfd_create("probe", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	tell("memfd", memfd < 0 ? -1 : ftruncate(memfd, 8192));
	void *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	tell("mmap", shared == MAP_FAILED ? -1 : 0);
	tell("seal", fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
#ifdef __x86_64__
	printf("rdtsc %s\n", __builtin_ia32_rdtsc() ? "ok" : "0");
#endif
	pthread_t id;
	errno = pthread_create(&id, NULL, thread, NULL);
	tell("thread", errno ? -1 : 0);
	if (!errno)
		pthread_join(id, NULL);
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	tell("fork", child < 0 ? -1 : waitpid(child, NULL, 0));
	tell("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	tell_open("tmp_write", "/tmp/written", O_WRONLY | O_CREAT);
	tell_open("run_write", "/run/written", O_WRONLY | O_CREAT);
	tell_open("null_write", "/dev/null", O_RDWR);
	tell_open("urandom", "/dev/urandom", O_RDONLY);
	tell_open("cpus_read", "/sys/devices/system/cpu/online", O_RDONLY);
	tell_open("bound_read", "/run/bound", O_RDONLY);
	tell_open("bound_write", "/run/bound", O_WRONLY);
}

static void tell_tun(void)
{
	int tun = open("/dev/net/tun", O_RDWR);
	tell("tun_open", tun);
	if (tun < 0)
		return;
	struct ifreq request = {.ifr_flags = 0x1002}; // IFF_TAP | IFF_NO_PI
	tell("tun_create", ioctl(tun, _IOW('T', 202, int), &request));
}

// What a neighbour's process is to us: nothing.
static void tell_sibling(const char *pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%s/root/", pid);
	tell_open("sibling_root", path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%s/fd/1", pid);
	tell_open("sibling_fd", path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	tell_open("sibling_mem", path, O_RDWR);
	tell("sibling_kill", kill(atoi(pid), 0));
}

static int report(const char *sibling)
{
	char name[65] = "";
	gethostname(name, sizeof(name) - 1);
	printf("hostname %s\n", name);
	tell_status();
	tell_file("uid_map", "/proc/self/uid_map");
	tell_file("gid_map", "/proc/self/gid_map");
	tell_file("cgroup", "/proc/self/cgroup");
	tell_file("limits", "/proc/self/limits");
	tell_directory("process", "/proc", 1);
	tell_directory("fd", "/proc/self/fd", 1);
	tell_directory("dev", "/dev", 0);
	struct if_nameindex *interfaces = if_nameindex();
	for (struct if_nameindex *i = interfaces; i && i->if_index; i++)
		printf("interface %s\n", i->if_name);
	if_freenameindex(interfaces);
	for (char **variable = environ; *variable; variable++)
		printf("environ %s\n", *variable);
	tell_allowed();
	tell_refused();
	tell_tun();
	if (sibling)
		tell_sibling(sibling);
	puts("end ok");
	return 0;
}

// Touches memory until it is stopped.
static int eat(void)
{
	for (size_t eaten = 0;; eaten += 1 << 20) {
		char *p = malloc(1 << 20);
		if (!p)
			return 3;
		memset(p, 1, 1 << 20);
	}
}

static int multiply(void)
{
	int count = 0;
	for (; count < 10000; count++) {
		pid_t child = fork();
		if (child < 0)
			break;
		if (child == 0)
			for (;;)
				pause();
	}
	tell("fork", -1);
	printf("forks %d\n", count);
	fflush(stdout);
	// The children go with us: we are the container's first process.
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "report";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(mode, "report") == 0)
		return report(argc > 2 ? argv[2] : NULL);
	if (strcmp(mode, "eat") == 0)
		return eat();
	if (strcmp(mode, "multiply") == 0)
		return multiply();
	puts("waiting");
	// A child too, that only the end of the container's pid namespace or cgroup can reach.
	if (fork() == 0)
		setsid();
	for (;;)
		pause();
}
