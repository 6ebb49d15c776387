// SPDX-License-Identifier: Apache-2.0
/* Places to listen at. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve/listener.h"

static char folder[] = "/tmp/exoprof-test-XXXXXX";
static char path[64], lock[80], place[80], why[256];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	snprintf(place, sizeof(place), "unix:%s", path);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static struct listener *open_place(const char *address)
{
	struct listener *listener = listener__open(address, true, why, sizeof(why));

	if (!listener)
		fail_msg("%s", why);
	return listener;
}

static void assert_refused(const char *address, const char *reason)
{
	*why = '\0';
	assert_null(listener__open(address, true, why, sizeof(why)));
	if (!strstr(why, reason) || !strstr(why, address))
		fail_msg("no '%s' in '%s'", reason, why);
}

static bool connects(const char *to)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool does;

	strcpy(address.sun_path, to);
	does = !connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return does;
}

static void an_address_has_one_of_three_forms(void **state)
{
	static const char *const right[] = {"127.0.0.1:0", ":6060",  "localhost:65535", "[::1]:80",
					    "unix:/x",     "unix:x", "unix:@name"};
	static const char *const wrong[] = {"",     "garbage", "127.0.0.1:",     "127.0.0.1:65536",
					    ":-1",  "x:http",  "unix:",          "unix:@",
					    "unix", ":",       "127.0.0.1:99999"};

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		if (listener__address_error(right[i]))
			fail_msg("%s: %s", right[i], listener__address_error(right[i]));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (!listener__address_error(wrong[i]))
			fail_msg("%s is taken", wrong[i]);
	}
}

static void a_path_fits_into_an_address_or_is_wrong(void **state)
{
	char address[200] = "unix:/";

	(void)state;
	memset(address + 6, 'x', 106);
	assert_null(listener__address_error(address));
	address[6 + 106] = 'x';
	assert_non_null(listener__address_error(address));
}

static void a_free_port_is_named(void **state)
{
	struct listener *listener = open_place("127.0.0.1:0");

	(void)state;
	assert_false(listener__is_unix(listener));
	assert_memory_equal(listener__place(listener), "127.0.0.1:", 10);
	assert_true(atoi(listener__place(listener) + 10) > 0);
	assert_refused(listener__place(listener), "Address already in use");
	listener__close(listener);
}

static void a_unix_socket_is_for_its_user_and_goes_with_its_listener(void **state)
{
	mode_t before = umask(0);
	struct listener *listener = open_place(place);
	struct stat st;

	(void)state;
	assert_int_equal(umask(before), 0); /* as it was */
	assert_true(listener__is_unix(listener));
	assert_string_equal(listener__place(listener), place);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(connects(path));
	listener__close(listener);
	assert_int_equal(access(path, F_OK), -1);
}

static void the_file_goes_though_the_descriptor_was_taken(void **state)
{
	struct listener *listener = open_place(place);
	int fd = listener__take_fd(listener);

	(void)state;
	listener__close(listener);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(close(fd), 0);
}

/* Leaves a socket's file that nobody listens at. */
static void leave_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void what_a_dead_process_left_is_replaced(void **state)
{
	struct listener *listener;

	(void)state;
	leave_socket();
	assert_false(connects(path));
	listener = open_place(place);
	assert_true(connects(path));
	assert_int_equal(access(lock, F_OK), -1);
	listener__close(listener);
	assert_int_equal(access(lock, F_OK), -1);
}

#define RIVALS 4

/* A child of ours: once `start` closes it says whether it has got the place, and keeps it until
 * `end` closes. */
static void compete(const int start[2], int report, const int end[2])
{
	char got;

	close(end[1]);
	close(start[1]);
	if (read(start[0], &got, 1))
		_exit(1);
	got = listener__open(place, false, why, sizeof(why)) != NULL;
	if (write(report, &got, 1) == 1 && !read(end[0], &got, 1))
		_exit(0);
	_exit(1);
}

static int count_winners(int report)
{
	int winners = 0;
	char got;

	for (int i = 0; i < RIVALS; i++) {
		assert_int_equal(read(report, &got, 1), 1);
		winners += got;
	}
	return winners;
}

static void of_several_that_start_at_once_one_gets_the_place(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		int start[2], end[2], report[2], winners;

		leave_socket();
		assert_int_equal(pipe(start), 0);
		assert_int_equal(pipe(end), 0);
		assert_int_equal(pipe(report), 0);
		for (int i = 0; i < RIVALS; i++) {
			if (!fork())
				compete(start, report[1], end);
		}
		close(start[1]);
		close(start[0]);
		winners = count_winners(report[0]);
		for (int i = 0; i < 2; i++) {
			close(end[!i]);
			close(report[i]);
		}
		for (int i = 0; i < RIVALS; i++)
			assert_true(wait(NULL) > 0);
		assert_int_equal(winners, 1);
		assert_int_equal(access(lock, F_OK), -1);
		assert_int_equal(unlink(path), 0);
	}
}

static void a_lock_that_leads_elsewhere_is_not_followed(void **state)
{
	char elsewhere[80];

	(void)state;
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", folder);
	assert_int_equal(symlink(elsewhere, lock), 0);
	assert_refused(place, strerror(ELOOP));
	assert_int_equal(access(elsewhere, F_OK), -1);
	assert_int_equal(unlink(lock), 0);
}

static void a_lock_is_waited_for_but_not_for_ever(void **state)
{
	int fd = open(lock, O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_refused(place, strerror(EBUSY));
	close(fd);
	listener__close(open_place(place));
	assert_int_equal(access(lock, F_OK), -1);
}

static void where_somebody_listens_it_is_left_alone(void **state)
{
	struct listener *listener = open_place(place);

	(void)state;
	assert_refused(place, "Address already in use");
	assert_true(connects(path));
	listener__close(listener);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	FILE *file = fopen(path, "w");

	(void)state;
	fputs("precious", file);
	fclose(file);
	assert_refused(place, "no socket");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_refused(place, "no socket");
	assert_int_equal(unlink(path), 0);
}

static void a_file_that_is_another_one_by_now_is_left_alone(void **state)
{
	struct listener *listener = open_place(place), *second;

	(void)state;
	assert_int_equal(unlink(path), 0);
	second = open_place(place);
	listener__close(listener);
	assert_true(connects(path));
	listener__close(second);
}

static void an_abstract_socket_has_no_file(void **state)
{
	char name[64];
	struct listener *listener;

	(void)state;
	snprintf(name, sizeof(name), "unix:@exoprof-test-%d", getpid());
	listener = open_place(name);
	assert_string_equal(listener__place(listener), name);
	assert_refused(name, "Address already in use");
	assert_int_equal(access(name + 5, F_OK), -1);
	listener__close(listener);
	listener__close(open_place(name));
}

static void assert_remote(const char *address, bool expected)
{
	struct listener *listener;

	if (expected) {
		assert_null(listener__open(address, false, why, sizeof(why)));
		assert_non_null(strstr(why, "--allow-remote"));
		assert_non_null(strstr(why, address));
	}
	listener = listener__open(address, expected, why, sizeof(why));
	if (!listener)
		fail_msg("%s", why);
	assert_int_equal(listener__is_remote(listener), expected);
	listener__close(listener);
}

static void what_others_reach_must_be_allowed(void **state)
{
	(void)state;
	assert_remote("127.0.0.1:0", false);
	assert_remote("127.1.2.3:0", false);
	assert_remote("localhost:0", false);
	assert_remote("0.0.0.0:0", true);
	assert_remote(":0", true);
	assert_remote("[::]:0", true);
	assert_remote("[::1]:0", false);
	assert_remote("[::ffff:127.0.0.1]:0", false);
}

static void unix_sockets_have_no_host(void **state)
{
	struct listener *listener = open_place(place);

	(void)state;
	assert_false(listener__is_remote(listener));
	assert_false(listener__is_abstract(listener));
	assert_string_equal(listener__host(listener), "");
	listener__close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_one_of_three_forms),
		cmocka_unit_test(a_path_fits_into_an_address_or_is_wrong),
		cmocka_unit_test(a_free_port_is_named),
		cmocka_unit_test(a_unix_socket_is_for_its_user_and_goes_with_its_listener),
		cmocka_unit_test(the_file_goes_though_the_descriptor_was_taken),
		cmocka_unit_test(what_a_dead_process_left_is_replaced),
		cmocka_unit_test(of_several_that_start_at_once_one_gets_the_place),
		cmocka_unit_test(a_lock_that_leads_elsewhere_is_not_followed),
		cmocka_unit_test(a_lock_is_waited_for_but_not_for_ever),
		cmocka_unit_test(where_somebody_listens_it_is_left_alone),
		cmocka_unit_test(what_others_reach_must_be_allowed),
		cmocka_unit_test(unix_sockets_have_no_host),
		cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
		cmocka_unit_test(a_file_that_is_another_one_by_now_is_left_alone),
		cmocka_unit_test(an_abstract_socket_has_no_file),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
