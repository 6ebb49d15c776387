// SPDX-License-Identifier: Apache-2.0
/* Debug files from a server that has them, has them not, hangs, or never ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "debug_copies.h"
#include "symbol/debug_files.h"
#include "symbol/debuginfod.h"

#define BUILD_ID "0123456789abcdef0123456789abcdef01234567"

enum manner {
	SERVES,
	HAS_NONE,
	HANGS,
	NEVER_ENDS, /* nor says how much there will be */
};

struct server {
	enum manner manner;
	struct bytes bytes;
	int listener, stop[2];
	pthread_t thread;
	atomic_int requests;
	char path[128]; /* of the last request */
};

struct fixture {
	struct server server;
	struct debuginfod *debuginfod;
	char cache[64];
};

static void wait_for_stop(struct server *server, int client, int timeout_ms)
{
	struct pollfd fds[] = {
		{.fd = server->stop[0], .events = POLLIN   },
		{.fd = client,          .events = POLLRDHUP},
	};

	poll(fds, 2, timeout_ms);
}

static void stream(struct server *server, int client)
{
	static const char zeros[65536];
	struct pollfd stop = {.fd = server->stop[0], .events = POLLIN};

	dprintf(client, "HTTP/1.0 200 OK\r\n\r\n");
	while (!poll(&stop, 1, 0) && send(client, zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
		;
}

static void send_all(int client, struct bytes bytes)
{
	size_t sent = 0;
	ssize_t got = 1;

	dprintf(client, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n", bytes.size);
	for (; sent < bytes.size && got > 0; sent += got)
		got = send(client, bytes.data + sent, bytes.size - sent, MSG_NOSIGNAL);
}

static void serve_one(struct server *server, int client)
{
	char request[4096] = "";

	if (recv(client, request, sizeof(request) - 1, 0) <= 0)
		return;
	sscanf(request, "GET %127s", server->path);
	server->requests++;
	switch (server->manner) {
	case SERVES:
		send_all(client, server->bytes);
		break;
	case HAS_NONE:
		dprintf(client, "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n");
		break;
	case HANGS:
		wait_for_stop(server, client, -1);
		break;
	case NEVER_ENDS:
		stream(server, client);
		break;
	}
}

static void *serve(void *context)
{
	struct server *server = context;
	struct pollfd fds[] = {
		{.fd = server->stop[0],  .events = POLLIN},
		{.fd = server->listener, .events = POLLIN},
	};

	while (poll(fds, 2, -1) > 0 && !fds[0].revents) {
		int client = accept(server->listener, NULL, NULL);

		if (client < 0)
			continue;
		serve_one(server, client);
		close(client);
	}
	return NULL;
}

/* DEBUGINFOD_URLS names it from then on. */
static void start_server(struct server *server)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	socklen_t length = sizeof(address);
	char url[64];

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	setenv("DEBUGINFOD_URLS", url, 1);
	assert_int_equal(pipe(server->stop), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){};
	strcpy(fixture.cache, "/tmp/test_debuginfod.XXXXXX");
	assert_non_null(mkdtemp(fixture.cache));
	setenv("DEBUGINFOD_CACHE_PATH", fixture.cache, 1);
	fixture.server.bytes = read_own_file();
	start_server(&fixture.server);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	assert_int_equal(write(fixture->server.stop[1], "", 1), 1);
	pthread_join(fixture->server.thread, NULL);
	close(fixture->server.listener);
	close(fixture->server.stop[0]);
	close(fixture->server.stop[1]);
	free(fixture->server.bytes.data);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->cache);
	return system(command);
}

/* What there is in the end: an fd or -errno. */
static int find_in_the_end(struct debuginfod *debuginfod, char **path)
{
	int fd = -EAGAIN;

	for (int i = 0; i < 1000 && fd == -EAGAIN; i++) {
		fd = debuginfod__find(debuginfod, BUILD_ID, path);
		if (fd == -EAGAIN)
			usleep(10000);
	}
	return fd;
}

static struct debuginfod *start(int64_t time_max_ms, uint64_t size_max_bytes)
{
	struct debuginfod *debuginfod = debuginfod__start(&(struct debuginfod_options){
		.time_max_ms = time_max_ms,
		.size_max_bytes = size_max_bytes,
	});

	assert_non_null(debuginfod);
	return debuginfod;
}

static void assert_fetches(struct debuginfod *debuginfod, uint64_t arrived, uint64_t failed)
{
	struct debuginfod_figures figures;

	debuginfod__figures(debuginfod, &figures);
	assert_int_equal(figures.arrived, arrived);
	assert_int_equal(figures.failed, failed);
	assert_int_equal(figures.waiting, 0);
}

static void a_file_arrives_by_build_id(void **state)
{
	struct fixture *fixture = *state;
	struct debuginfod *debuginfod = start(0, 0);
	char *path = NULL;
	struct stat st;
	int fd;

	assert_false(debuginfod__has_arrived(debuginfod, BUILD_ID));
	assert_int_equal(debuginfod__find(debuginfod, BUILD_ID, &path), -EAGAIN);
	fd = find_in_the_end(debuginfod, &path);
	assert_true(fd >= 0);
	assert_true(debuginfod__has_arrived(debuginfod, BUILD_ID));
	assert_string_equal(fixture->server.path, "/buildid/" BUILD_ID "/debuginfo");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, fixture->server.bytes.size);
	assert_int_equal(strncmp(path, fixture->cache, strlen(fixture->cache)), 0);
	assert_fetches(debuginfod, 1, 0);
	close(fd);
	free(path);
	debuginfod__stop(debuginfod);
}

static void what_an_earlier_run_has_fetched_is_there_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct debuginfod *debuginfod = start(0, 0);
	char *path = NULL;
	int fd = find_in_the_end(debuginfod, &path);

	close(fd);
	free(path);
	debuginfod__stop(debuginfod);
	debuginfod = start(0, 0);
	fd = debuginfod__find(debuginfod, BUILD_ID, &path);
	assert_true(fd >= 0);
	assert_int_equal(fixture->server.requests, 1);
	close(fd);
	free(path);
	debuginfod__stop(debuginfod);
}

static void what_the_server_does_not_have_is_asked_for_once(void **state)
{
	struct fixture *fixture = *state;
	struct debuginfod *debuginfod;
	char *path = NULL;

	fixture->server.manner = HAS_NONE;
	debuginfod = start(0, 0);
	assert_int_equal(find_in_the_end(debuginfod, &path), -ENOENT);
	assert_int_equal(debuginfod__find(debuginfod, BUILD_ID, &path), -ENOENT);
	assert_false(debuginfod__has_arrived(debuginfod, BUILD_ID));
	assert_int_equal(fixture->server.requests, 1);
	assert_null(path);
	assert_fetches(debuginfod, 0, 1);
	debuginfod__stop(debuginfod);
}

static void what_is_rejected_is_not_there(void **state)
{
	struct debuginfod *debuginfod = start(0, 0);
	char *path = NULL;
	int fd = find_in_the_end(debuginfod, &path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	free(path);
	debuginfod__reject(debuginfod, BUILD_ID);
	assert_false(debuginfod__has_arrived(debuginfod, BUILD_ID));
	assert_int_equal(debuginfod__find(debuginfod, BUILD_ID, &path), -ENOENT);
	debuginfod__stop(debuginfod);
}

static void nobody_waits_for_a_server_that_hangs(void **state)
{
	struct fixture *fixture = *state;
	struct debuginfod *debuginfod;
	char *path = NULL;
	int64_t began_ms;

	fixture->server.manner = HANGS;
	debuginfod = start(0, 0);
	began_ms = clock__monotonic_ms();
	assert_int_equal(debuginfod__find(debuginfod, BUILD_ID, &path), -EAGAIN);
	assert_true(clock__monotonic_ms() - began_ms < 500);
	while (!fixture->server.requests)
		usleep(10000);
	began_ms = clock__monotonic_ms();
	assert_int_equal(debuginfod__find(debuginfod, BUILD_ID, &path), -EAGAIN);
	debuginfod__stop(debuginfod);
	assert_true(clock__monotonic_ms() - began_ms < 2500);
}

static void a_server_that_hangs_is_given_up_in_time(void **state)
{
	struct fixture *fixture = *state;
	struct debuginfod *debuginfod;
	int64_t began_ms = clock__monotonic_ms();
	char *path = NULL;

	fixture->server.manner = HANGS;
	debuginfod = start(1500, 0);
	assert_int_equal(find_in_the_end(debuginfod, &path), -ENOENT);
	assert_true(clock__monotonic_ms() - began_ms < 5000);
	debuginfod__stop(debuginfod);
}

static void a_file_that_is_too_large_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct debuginfod *debuginfod = start(0, 1000);
	char *path = NULL;

	(void)fixture;
	assert_int_equal(find_in_the_end(debuginfod, &path), -ENOENT);
	debuginfod__stop(debuginfod);
}

static void a_file_without_an_end_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct debuginfod *debuginfod;
	char *path = NULL;

	fixture->server.manner = NEVER_ENDS;
	debuginfod = start(0, 100 << 20);
	assert_int_equal(find_in_the_end(debuginfod, &path), -ENOENT);
	debuginfod__stop(debuginfod);
}

static void so_many_are_waited_for_and_no_more(void **state)
{
	struct fixture *fixture = *state;
	struct debuginfod *debuginfod;
	char build_id[48], *path = NULL;
	int refused = 0;

	fixture->server.manner = HANGS;
	debuginfod = start(0, 0);
	for (int i = 0; i < 100; i++) {
		int err;

		snprintf(build_id, sizeof(build_id), "%040x", i);
		err = debuginfod__find(debuginfod, build_id, &path);
		assert_true(err == -EAGAIN || err == -ENOBUFS);
		refused += err == -ENOBUFS;
	}
	assert_int_equal(refused, 100 - 64);
	debuginfod__stop(debuginfod);
}

/* The file is this program's, and so is what the server has. */
static void what_arrives_is_told_of_once_and_then_found(void **state)
{
	struct debug_files *files = debug_files__new(NULL);
	struct elf_file *file =
		elf_file__open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "/nowhere");
	struct debug_place place = {};
	bool arrived = false;
	int fd;

	(void)state;
	assert_int_equal(debug_files__find(files, file, NULL, 0, &place), -1);
	for (int i = 0; i < 1000 && !arrived; i++) {
		usleep(10000);
		arrived = debug_files__has_arrived(files, file);
	}
	assert_true(arrived);
	assert_false(debug_files__has_arrived(files, file));
	fd = debug_files__find(files, file, NULL, 0, &place);
	assert_true(fd >= 0);
	assert_false(debug_files__has_arrived(files, file));
	close(fd);
	free(place.path);
	elf_file__put(file);
	debug_files__free(files);
}

static void what_arrives_with_another_build_id_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct debug_files *files = debug_files__new(NULL);
	struct elf_file *file =
		elf_file__open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "/nowhere");
	struct debug_place place = {};

	build_id_note(fixture->server.bytes)[20] ^= 1;
	assert_int_equal(debug_files__find(files, file, NULL, 0, &place), -1);
	for (int i = 0; i < 1000 && !debug_files__has_arrived(files, file); i++)
		usleep(10000);
	assert_int_equal(debug_files__find(files, file, NULL, 0, &place), -1);
	assert_null(place.path);
	assert_false(debug_files__has_arrived(files, file));
	elf_file__put(file);
	debug_files__free(files);
}

static void without_servers_nobody_is_asked(void **state)
{
	struct fixture *fixture = *state;
	struct elf_file *file =
		elf_file__open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "/nowhere");
	struct debug_files *files;
	struct debug_place place = {};

	unsetenv("DEBUGINFOD_URLS");
	files = debug_files__new(NULL);
	assert_int_equal(debug_files__find(files, file, NULL, 0, &place), -1);
	usleep(300000);
	assert_int_equal(fixture->server.requests, 0);
	elf_file__put(file);
	debug_files__free(files);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(a_file_arrives_by_build_id),
		FRESH(what_an_earlier_run_has_fetched_is_there_at_once),
		FRESH(what_the_server_does_not_have_is_asked_for_once),
		FRESH(what_is_rejected_is_not_there),
		FRESH(nobody_waits_for_a_server_that_hangs),
		FRESH(a_server_that_hangs_is_given_up_in_time),
		FRESH(a_file_that_is_too_large_is_given_up),
		FRESH(a_file_without_an_end_is_given_up),
		FRESH(so_many_are_waited_for_and_no_more),
		FRESH(what_arrives_is_told_of_once_and_then_found),
		FRESH(what_arrives_with_another_build_id_is_refused),
		FRESH(without_servers_nobody_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
