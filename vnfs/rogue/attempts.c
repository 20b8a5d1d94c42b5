// SPDX-License-Identifier: BSD-3-Clause
// What must not work from within a container.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "rogue.h"

#define FORKS_MAX 4096

static int result_of(long r)
{
	return r < 0 ? -errno : 0;
}

int rogue_open(const char *path)
{
	cat_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	return result_of(fd);
}

static int write_root(void)
{
	cat_autofd int fd = open("/rogue", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return result_of(fd);
}

static int write_usr(void)
{
	cat_autofd int fd = open("/usr/bin/rogue", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return result_of(fd);
}

static int write_sysctl(void)
{
	cat_autofd int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC);
	return result_of(fd);
}

static int write_sysrq(void)
{
	cat_autofd int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	return result_of(fd);
}

static int read_kernel_memory(void)
{
	return rogue_open("/proc/kcore");
}

static int remount_root(void)
{
	return result_of(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int mount_proc(void)
{
	return result_of(mount("proc", "/tmp", "proc", 0, NULL));
}

static int new_user_namespace(void)
{
	return result_of(unshare(CLONE_NEWUSER));
}

static int new_mount_namespace(void)
{
	return result_of(unshare(CLONE_NEWNS));
}

static int trace_init(void)
{
	// Process 1 is ourselves: from a child, so that it could be traced at all.
	pid_t child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(ptrace(PTRACE_ATTACH, 1, NULL, NULL) < 0 ? errno : 0);
	int status;
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

static int load_bpf(void)
{
	char attr[128] = {0};
	return result_of(syscall(SYS_bpf, 0, attr, sizeof(attr)));
}

static int open_perf(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr)};
	return result_of(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

static int use_keyring(void)
{
	return result_of(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1));
}

static int load_module(void)
{
	return result_of(syscall(SYS_init_module, "", 0, ""));
}

static int use_io_uring(void)
{
	char params[256] = {0};
	return result_of(syscall(SYS_io_uring_setup, 1, params));
}

static int reboot_host(void)
{
	// LINUX_REBOOT_CMD_CAD_OFF: harmless where it is allowed.
	return result_of(reboot(RB_DISABLE_CAD));
}

static int make_device(void)
{
	return result_of(mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)));
}

static int open_packet_socket(void)
{
	cat_autofd int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	return result_of(fd);
}

static int execute_from_tmp(void)
{
	cat_autofd int fd = open("/tmp/script", O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	if (fd < 0)
		return -errno;
	if (write(fd, "#!/bin/false\n", 13) < 0)
		return -errno;
	return result_of(access("/tmp/script", X_OK));
}

static int raise_priority(void)
{
	struct sched_param param = {.sched_priority = 50};
	return result_of(sched_setscheduler(0, SCHED_FIFO, &param));
}

// On all memory that we share with others; one success is enough.
static int on_memory(int (*attempt)(const struct rogue_memory *memory))
{
	unsigned count;
	const struct rogue_memory *memory = rogue_memory(&count);
	int result = 0; // without any, nothing was shown
	for (unsigned i = 0; i < count; i++)
		if ((result = attempt(&memory[i])) == 0)
			return 0;
	return result;
}

static int resize_one(const struct rogue_memory *memory)
{
	if (ftruncate(memory->fd, 0) == 0)
		return 0;
	return result_of(ftruncate(memory->fd, (off_t)memory->size * 2));
}

static int resize_memory(void)
{
	return on_memory(resize_one);
}

static int punch_one(const struct rogue_memory *memory)
{
	return result_of(fallocate(memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)memory->size));
}

static int punch_memory(void)
{
	return on_memory(punch_one);
}

static int remove_one(const struct rogue_memory *memory)
{
	return result_of(madvise(memory->address, memory->size, MADV_REMOVE));
}

static int remove_memory(void)
{
	return on_memory(remove_one);
}

// More processes than the limit allows. All of them end before we return.
static int fork_without_end(void)
{
	int gate[2], made = 0, result = 0;
	if (pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	for (; made < FORKS_MAX; made++) {
		pid_t pid = fork();
		if (pid < 0) {
			result = -errno;
			break;
		}
		if (pid == 0) {
			char c;
			close(gate[1]);
			// Ends when the parent closes its end.
			_exit(read(gate[0], &c, 1) < 0);
		}
	}
	close(gate[0]);
	close(gate[1]);
	while (made-- > 0)
		waitpid(-1, NULL, 0);
	return result;
}

const struct rogue_attempt rogue_attempts[] = {
	{"write to /", write_root},
	{"write to /usr/bin", write_usr},
	{"write a sysctl", write_sysctl},
	{"write sysrq", write_sysrq},
	{"read kernel memory", read_kernel_memory},
	{"remount the root", remount_root},
	{"mount proc", mount_proc},
	{"new user namespace", new_user_namespace},
	{"new mount namespace", new_mount_namespace},
	{"trace process 1", trace_init},
	{"bpf", load_bpf},
	{"perf events", open_perf},
	{"kernel keyring", use_keyring},
	{"load a module", load_module},
	{"io_uring", use_io_uring},
	{"reboot", reboot_host},
	{"make a device", make_device},
	{"packet socket", open_packet_socket},
	{"execute from /tmp", execute_from_tmp},
	{"real-time priority", raise_priority},
	{"resize shared memory", resize_memory},
	{"punch holes into shared memory", punch_memory},
	{"remove pages of shared memory", remove_memory},
	{"fork without end", fork_without_end},
	{NULL, NULL},
};

static void print_line_of(FILE *out, const char *path, const char *start)
{
	cat_autofile FILE *file = fopen(path, "re");
	char line[512];
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, start, strlen(start)) == 0)
			fprintf(out, "%s %s", path, line);
}

void rogue_describe(FILE *out)
{
	static const char *const fields[] = {"Uid:",    "CapInh:",     "CapPrm:",  "CapEff:",           "CapBnd:",
					     "CapAmb:", "NoNewPrivs:", "Seccomp:", "Cpus_allowed_list:"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(fields); i++)
		print_line_of(out, "/proc/self/status", fields[i]);
	print_line_of(out, "/proc/self/uid_map", "");
	cat_autodir DIR *dir = opendir("/proc");
	struct dirent *entry;
	unsigned visible = 0;
	while (dir && (entry = readdir(dir)))
		visible += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
	fprintf(out, "visible processes: %u\n", visible);
}
