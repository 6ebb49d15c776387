// SPDX-License-Identifier: Apache-2.0
/* Descriptors over a socket: one at most, whatever the other side sends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reader/passed_fd.h"

static int ends[2];

static int open_ends(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}

static int close_ends(void **state)
{
	(void)state;
	return close(ends[0]) | close(ends[1]);
}

static int descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* What came with one byte. */
static int receive(void)
{
	char byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union passed_fd passed;

	passed_fd__expect(&passed, &message);
	assert_int_equal(recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC), 1);
	return passed_fd__take(&message);
}

static void send_one(int fd)
{
	char byte = 0;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union passed_fd passed = {};

	passed_fd__put(&passed, &message, fd);
	assert_int_equal(sendmsg(ends[0], &message, 0), 1);
}

static void a_descriptor_arrives(void **state)
{
	int before = descriptors(), fd;

	(void)state;
	send_one(STDIN_FILENO);
	fd = receive();
	assert_true(fd >= 0);
	assert_int_equal(descriptors(), before + 1);
	close(fd);
}

static void none_is_none(void **state)
{
	int before = descriptors();

	(void)state;
	send_one(-1);
	assert_int_equal(receive(), -1);
	assert_int_equal(descriptors(), before);
}

/* As a peer would that wants to use up our descriptors. */
static void of_several_one_arrives(void **state)
{
	char byte = 0;
	struct iovec part = {&byte, 1};
	int fds[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr header;
	} control = {};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int before = descriptors(), fd;

	(void)state;
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	assert_int_equal(sendmsg(ends[0], &message, 0), 1);
	fd = receive();
	assert_int_equal(descriptors(), before + (fd >= 0));
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_arrives),
		cmocka_unit_test(none_is_none),
		cmocka_unit_test(of_several_one_arrives),
	};

	return cmocka_run_group_tests(tests, open_ends, close_ends);
}
