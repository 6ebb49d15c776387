/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket, the threads that serve it, and the signals that end it. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <h2o.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>

#include "handlers.h"
#include "stats.h"
#include "worker.h"

struct server_thread {
	struct server *server;
	uint32_t index;
	int listen_fd; /* -1 once the worker has it */
	pthread_t thread;
	struct worker *worker; /* NULL if it could not be opened */
	int err;               /* why */
};

struct server {
	const struct options *options;
	struct sockaddr_storage addr; /* where it listens */
	socklen_t addr_len;
	h2o_globalconf_t config;
	struct stats *stats;
	sem_t opened; /* posted by each thread, worker or not */
	uint32_t nr_threads;
	struct server_thread threads[];
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "demo-server: cannot %s: %s\n", what, strerror(-err));
	return err;
}

/*
 * Each thread has a socket of its own on the same port (SO_REUSEPORT), and the kernel deals the
 * connections out by hash. In 24 runs of wrk -c16 on two threads neither got fewer than 4. When
 * they shared one socket, one thread got everything in every third run.
 *
 * The first socket asks for SO_REUSEPORT only once it is bound: so it is an error, as it should be,
 * if another server of the same user is there already.
 */
static int listen_on(const struct sockaddr_storage *addr, socklen_t len, bool first)
{
	int fd, err, on = 1, off = 0;

	fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		goto out_close;
	if (!first && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)))
		goto out_close;
	if (addr->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)))
		goto out_close;
	if (bind(fd, (const struct sockaddr *)addr, len))
		goto out_close;
	if (first && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)))
		goto out_close;
	if (listen(fd, H2O_SOMAXCONN))
		goto out_close;
	return fd;

out_close:
	err = -errno;
	close(fd);
	return err;
}

/* Opens the first socket and notes where it is, port 0 having become a real one. */
static int listen_first(struct server *server)
{
	const struct options *options = server->options;
	const struct sockaddr_in6 *sin6 = (const void *)&options->listen_addr;
	struct sockaddr_storage any = {.ss_family = AF_INET};
	int fd = listen_on(&options->listen_addr, options->listen_addr_len, true);

	/* "Every address" was taken to mean both families; without IPv6 it is IPv4's. */
	if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && options->listen_any) {
		((struct sockaddr_in *)&any)->sin_port = sin6->sin6_port;
		fd = listen_on(&any, sizeof(struct sockaddr_in), true);
	}
	if (fd < 0)
		return fd;
	server->addr_len = sizeof(server->addr);
	getsockname(fd, (struct sockaddr *)&server->addr, &server->addr_len);
	return fd;
}

/* A connection costs a descriptor, and the soft limit is often 1024. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int add_thread(struct server *server)
{
	struct server_thread *thread = &server->threads[server->nr_threads];
	int fd = server->nr_threads == 0 ? listen_first(server)
					 : listen_on(&server->addr, server->addr_len, false);

	if (fd < 0) {
		fprintf(stderr,
			"demo-server: cannot listen on %s: %s (choose another place with "
			"--listen ADDR:PORT)\n",
			server->options->listen_text, strerror(-fd));
		return fd;
	}
	thread->server = server;
	thread->index = server->nr_threads++;
	thread->listen_fd = fd;
	return 0;
}

struct server *server__open(const struct options *options)
{
	struct server *server;
	uint32_t i;

	server = calloc(1, sizeof(*server) + options->nr_threads * sizeof(server->threads[0]));
	if (!server) {
		fail("start", -ENOMEM);
		return NULL;
	}
	raise_descriptor_limit();
	server->options = options;
	sem_init(&server->opened, 0, 0);
	h2o_config_init(&server->config);
	handlers__register(&server->config);
	server->stats = stats__create(options->nr_threads);
	if (!server->stats) {
		fail("start", -ENOMEM);
		goto out_close;
	}
	for (i = 0; i < options->nr_threads; i++)
		if (add_thread(server))
			goto out_close;
	return server;

out_close:
	server__close(server);
	return NULL;
}

static void *run_thread(void *arg)
{
	struct server_thread *thread = arg;
	struct server *server = thread->server;
	struct worker *worker;

	worker = worker__open(&server->config, server->options, server->stats, thread->index,
			      thread->listen_fd);
	thread->err = worker ? 0 : -errno;
	thread->worker = worker;
	thread->listen_fd = -1;
	sem_post(&server->opened);
	if (worker)
		worker__run(worker);
	worker__close(worker);
	return NULL;
}

static int start_thread(struct server_thread *thread)
{
	char name[16]; /* the kernel's limit */
	int err = -pthread_create(&thread->thread, NULL, run_thread, thread);

	if (err)
		return fail("start a thread", err);
	snprintf(name, sizeof(name), "loop-%u", thread->index);
	pthread_setname_np(thread->thread, name);
	while (sem_wait(&thread->server->opened))
		; /* EINTR */
	if (!thread->err)
		return 0;
	pthread_join(thread->thread, NULL);
	return fail("create an event loop", thread->err);
}

static void stop_threads(struct server *server, uint32_t nr_started)
{
	uint32_t i;

	for (i = 0; i < nr_started; i++)
		if (server->threads[i].worker)
			worker__drain(server->threads[i].worker);
	for (i = 0; i < nr_started; i++)
		pthread_join(server->threads[i].thread, NULL);
}

static void announce(const struct server *server)
{
	const struct sockaddr_in *sin = (const void *)&server->addr;
	const struct sockaddr_in6 *sin6 = (const void *)&server->addr;
	char host[INET6_ADDRSTRLEN + 2] = "127.0.0.1"; /* as good as any if we listen on all */

	if (sin->sin_family == AF_INET && sin->sin_addr.s_addr != INADDR_ANY)
		inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
	if (sin->sin_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&sin6->sin6_addr)) {
		host[0] = '[';
		inet_ntop(AF_INET6, &sin6->sin6_addr, host + 1, INET6_ADDRSTRLEN);
		strcat(host, "]");
	}
	printf("demo-server: listening on http://%s:%u (%u thread%s)\n", host, ntohs(sin->sin_port),
	       server->nr_threads, server->nr_threads == 1 ? "" : "s");
	fflush(stdout);
}

int server__run(struct server *server)
{
	uint32_t nr_started;
	sigset_t stop_signals;
	int signal_number, err = 0;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&stop_signals);
	sigaddset(&stop_signals, SIGINT);
	sigaddset(&stop_signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop_signals, NULL); /* the threads inherit this */

	for (nr_started = 0; nr_started < server->nr_threads; nr_started++) {
		err = start_thread(&server->threads[nr_started]);
		if (err)
			break;
	}
	if (!err) {
		announce(server);
		sigwait(&stop_signals, &signal_number);
	}
	/* From here a second signal kills: someone is in a hurry. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, &stop_signals, NULL);
	stop_threads(server, nr_started);
	return err;
}

void server__close(struct server *server)
{
	uint32_t i;

	if (!server)
		return;
	for (i = 0; i < server->nr_threads; i++)
		if (server->threads[i].listen_fd >= 0)
			close(server->threads[i].listen_fd);
	stats__destroy(server->stats);
	h2o_config_dispose(&server->config);
	sem_destroy(&server->opened);
	free(server);
}
