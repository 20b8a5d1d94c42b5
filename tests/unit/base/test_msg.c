// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_msg.h"

static unsigned open_fds(void)
{
	unsigned n = 0;
	cat_autodir DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		n++;
	return n;
}

static void carries_a_map_and_descriptors(void **state)
{
	(void)state;
	int pair[2], fds[CAT_MSG_FDS_MAX], many[CAT_MSG_FDS_MAX];
	assert_int_equal(cat_msg_pair(pair, NULL), 0);
	unsigned before = open_fds();
	cat_autonode struct cat_node *body = cat_node_new_map(), *got = NULL;
	cat_node_add_string(body, "type", "fds");
	for (size_t i = 0; i < CAT_MSG_FDS_MAX; i++)
		many[i] = 0;
	size_t count = 0;
	assert_int_equal(cat_msg_receive(pair[1], &got, fds, &count, NULL), -EAGAIN);
	assert_int_equal(cat_msg_send(pair[0], body, many, CAT_MSG_FDS_MAX + 1, NULL), -E2BIG);
	assert_int_equal(cat_msg_send(pair[0], body, many, CAT_MSG_FDS_MAX, NULL), 0);
	assert_int_equal(cat_msg_receive(pair[1], &got, fds, &count, NULL), 0);
	assert_int_equal(count, CAT_MSG_FDS_MAX);
	assert_true(cat_node_equal(got, body));
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	assert_int_equal(open_fds(), before);
	close(pair[0]);
	cat_autonode struct cat_node *none = NULL;
	assert_int_equal(cat_msg_receive(pair[1], &none, fds, &count, NULL), -EPIPE);
	close(pair[1]);
}

static void closes_what_came_with_a_bad_message(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "{", "[]", "{\"a\":1,\"a\":2}", "3"};
	int pair[2], fds[CAT_MSG_FDS_MAX];
	size_t count;
	assert_int_equal(cat_msg_pair(pair, NULL), 0);
	unsigned before = open_fds();
	for (size_t i = 0; i < CAT_ARRAY_LEN(bad); i++) {
		char control[CMSG_SPACE(sizeof(int))] = {0};
		struct iovec iov = {.iov_base = (void *)bad[i], .iov_len = strlen(bad[i])};
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
		*head = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(head), &pair[0], sizeof(int));
		assert_int_equal(sendmsg(pair[0], &msg, 0), (ssize_t)iov.iov_len);
		struct cat_node *got = NULL;
		assert_int_equal(cat_msg_receive(pair[1], &got, fds, &count, NULL), -EBADMSG);
		assert_null(got);
		assert_int_equal(open_fds(), before);
	}
	close(pair[0]);
	close(pair[1]);
}

static void a_listening_socket_is_private(void **state)
{
	(void)state;
	char path[] = "/tmp/catena-test-msg-XXXXXX";
	cat_autofd int file = mkstemp(path);
	cat_autofd int sock = -1, client = -1;
	assert_int_equal(cat_msg_listen(path, 4, &sock, NULL), 0);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(cat_msg_connect(path, &client, NULL), 0);
	unlink(path);
	char endless[300];
	memset(endless, 'x', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	int none;
	assert_int_equal(cat_msg_listen(endless, 4, &none, NULL), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_a_map_and_descriptors),
		cmocka_unit_test(closes_what_came_with_a_bad_message),
		cmocka_unit_test(a_listening_socket_is_private),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
