// SPDX-License-Identifier: Apache-2.0
#include "serve/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX             "unix:"
#define UNIX_PATH_MAX    (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* Two that start at once agree by a lock on this file, which is there only for that time. */
#define LOCK_SUFFIX      ".lock"
#define LOCK_PATH_MAX    (UNIX_PATH_MAX + sizeof(LOCK_SUFFIX))

/* Whoever holds it is done after some system calls, unless it is somebody else's trap. */
#define LOCK_TRIES       200
#define LOCK_INTERVAL_US 10000

/* What the kernel keeps of a connection that is not read yet, times two: it would grow to
 * megabytes. The largest request takes 1 MiB, and most a line or two. */
#define RECEIVE_BYTES    (64 << 10)

struct listener {
	int fd; /* -1: taken */
	bool is_unix, is_remote;
	char place[160];
	char host[256]; /* as it was given; empty for a unix socket, and for every address */
	/* The file of a unix socket that is not abstract; NULL: there is none. */
	const char *path;
	dev_t device;
	ino_t inode;
};

static const char *unix_path(const char *address)
{
	return strncmp(address, UNIX, strlen(UNIX)) ? NULL : address + strlen(UNIX);
}

static bool is_abstract(const char *path)
{
	return *path == '@';
}

/* getaddrinfo() would take 65537 for 1. */
static bool is_port(const char *text)
{
	return *text && strlen(text) <= 5 && !text[strspn(text, "0123456789")] &&
	       atoi(text) <= UINT16_MAX;
}

/* Splits "HOST:PORT"; IPv6 addresses stand in brackets. */
static int split(const char *address, char *host, size_t host_size, const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t length;

	if (!colon || !is_port(colon + 1))
		return -EINVAL;
	length = colon - address;
	if (*address == '[' && length >= 2 && colon[-1] == ']') {
		address++;
		length -= 2;
	}
	if (length >= host_size)
		return -EINVAL;
	memcpy(host, address, length);
	host[length] = '\0';
	*port = colon + 1;
	return 0;
}

const char *listener__address_error(const char *address)
{
	const char *path = unix_path(address), *port;
	char host[256];

	if (!path)
		return split(address, host, sizeof(host), &port) ? "neither HOST:PORT nor unix:PATH"
								 : NULL;
	if (!path[is_abstract(path)])
		return "unix: needs a path";
	return strlen(path) > UNIX_PATH_MAX ? "the path of a unix socket has at most 107 bytes"
					    : NULL;
}

bool listener__address_is_unix(const char *address)
{
	return unix_path(address);
}

static int new_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static bool is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;

	if (address->sa_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(six) ||
	       (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == IN_LOOPBACKNET);
}

static bool is_all_loopback(const struct addrinfo *infos)
{
	while (infos && is_loopback(infos->ai_addr))
		infos = infos->ai_next;
	return !infos;
}

static int listen_at(const struct addrinfo *info)
{
	int fd = new_socket(info->ai_family), on = 1, receive_bytes = RECEIVE_BYTES, err;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	if (!bind(fd, info->ai_addr, info->ai_addrlen) && !listen(fd, SOMAXCONN))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* At the first of a host's addresses that this machine has. Where that is in use, another one would
 * not be what was meant. */
static int listen_at_first(const struct addrinfo *infos)
{
	int fd = -EADDRNOTAVAIL;

	for (const struct addrinfo *info = infos; info; info = info->ai_next) {
		fd = listen_at(info);
		if (fd != -EADDRNOTAVAIL && fd != -EAFNOSUPPORT)
			break;
	}
	return fd;
}

static void name_network_place(struct listener *listener)
{
	struct sockaddr_storage where;
	socklen_t length = sizeof(where);
	char host[128], port[16];

	memset(&where, 0, sizeof(where));
	strcpy(listener->place, "?");
	listener->is_remote = true;
	if (getsockname(listener->fd, (struct sockaddr *)&where, &length))
		return;
	listener->is_remote = !is_loopback((struct sockaddr *)&where);
	if (getnameinfo((struct sockaddr *)&where, length, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	snprintf(listener->place, sizeof(listener->place),
		 where.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static int listen_at_some(const struct addrinfo *infos, const char *address, bool allow_remote,
			  char *why, size_t why_size)
{
	int fd;

	if (!allow_remote && !is_all_loopback(infos)) {
		snprintf(why, why_size,
			 "cannot listen on %s: other machines could reach it (listen on 127.0.0.1; "
			 "or give --allow-remote, and what lets clients in: --token-file, or "
			 "--tls-client-ca)",
			 address);
		return -EACCES;
	}
	fd = listen_at_first(infos);
	if (fd < 0)
		snprintf(why, why_size,
			 "cannot listen on %s: %s (choose another place with --listen)", address,
			 strerror(-fd));
	return fd;
}

static int open_network(struct listener *listener, const char *address, bool allow_remote,
			char *why, size_t why_size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *infos;
	char *host = listener->host;
	const char *port;
	int err = EAI_NONAME;

	if (!split(address, host, sizeof(listener->host), &port))
		err = getaddrinfo(*host ? host : NULL, port, &hints, &infos);
	if (err) {
		snprintf(why, why_size,
			 "cannot listen on %s: %s (give an address of this machine with --listen)",
			 address, err == EAI_SYSTEM ? strerror(errno) : gai_strerror(err));
		return -EADDRNOTAVAIL;
	}
	listener->fd = listen_at_some(infos, address, allow_remote, why, why_size);
	freeaddrinfo(infos);
	if (listener->fd < 0)
		return listener->fd;
	name_network_place(listener);
	return 0;
}

static void lock_path(const char *path, char lock[LOCK_PATH_MAX])
{
	snprintf(lock, LOCK_PATH_MAX, "%s" LOCK_SUFFIX, path);
}

static int try_lock(int fd)
{
	int tries = LOCK_TRIES;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (!--tries)
			return -EBUSY;
		usleep(LOCK_INTERVAL_US);
	}
	return 0;
}

/* Whether the descriptor is of the file that the path names now. */
static bool is_at(int fd, const char *path)
{
	struct stat own, there;

	return !fstat(fd, &own) && !lstat(path, &there) && own.st_dev == there.st_dev &&
	       own.st_ino == there.st_ino;
}

/* A descriptor that unlock() takes, or -errno. */
static int lock_socket(const char *path)
{
	char lock[LOCK_PATH_MAX];
	int fd, err;

	lock_path(path, lock);
	for (;;) {
		fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0)
			return -errno;
		err = try_lock(fd);
		/* The one who held it has taken the file away: another one may be there. */
		if (!err && is_at(fd, lock))
			return fd;
		close(fd);
		if (err)
			return err;
	}
}

static void unlock_socket(const char *path, int fd)
{
	char lock[LOCK_PATH_MAX];

	lock_path(path, lock);
	unlink(lock);
	close(fd);
}

/* Whether a file is what a process left behind that listened there. 0, or -errno. */
static int check_stale(const struct sockaddr_un *address, socklen_t length, struct stat *st)
{
	int fd, err;

	if (lstat(address->sun_path, st))
		return -errno;
	if (!S_ISSOCK(st->st_mode))
		return -ENOTSOCK;
	fd = new_socket(AF_UNIX);
	if (fd < 0)
		return fd;
	err = connect(fd, (const struct sockaddr *)address, length) ? errno : 0;
	close(fd);
	return err == ECONNREFUSED ? 0 : -EADDRINUSE;
}

/* Unless it is another one by now. */
static int remove_file(const char *path, dev_t device, ino_t inode)
{
	struct stat st;

	if (lstat(path, &st))
		return -errno;
	if (st.st_dev != device || st.st_ino != inode)
		return -EADDRINUSE;
	return unlink(path) ? -errno : 0;
}

static int bind_unix(int fd, const struct sockaddr_un *address, socklen_t length)
{
	const struct sockaddr *any = (const struct sockaddr *)address;
	mode_t mask = umask(0177);
	int err = bind(fd, any, length) ? -errno : 0;
	struct stat st;

	if (err == -EADDRINUSE && *address->sun_path) {
		err = check_stale(address, length, &st);
		if (!err)
			err = remove_file(address->sun_path, st.st_dev, st.st_ino);
		if (!err && bind(fd, any, length))
			err = -errno;
	}
	umask(mask);
	return err;
}

static int bind_and_listen(struct listener *listener, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	struct stat st;
	int err;

	memcpy(address.sun_path, path, strlen(path));
	if (is_abstract(path))
		*address.sun_path = '\0';
	err = bind_unix(listener->fd, &address, length);
	if (err)
		return err;
	if (!is_abstract(path) && !lstat(path, &st)) {
		listener->path = path;
		listener->device = st.st_dev;
		listener->inode = st.st_ino;
	}
	return listen(listener->fd, SOMAXCONN) ? -errno : 0;
}

/* A socket that is bound, but does not listen yet, looks as if it were left behind. */
static int listen_at_path(struct listener *listener, const char *path)
{
	int lock, err;

	if (is_abstract(path))
		return bind_and_listen(listener, path);
	lock = lock_socket(path);
	if (lock < 0)
		return lock;
	err = bind_and_listen(listener, path);
	unlock_socket(path, lock);
	return err;
}

static int open_unix(struct listener *listener, const char *path, char *why, size_t why_size)
{
	int err;

	listener->is_unix = true;
	snprintf(listener->place, sizeof(listener->place), UNIX "%s", path);
	listener->fd = new_socket(AF_UNIX);
	err = listener->fd < 0 ? listener->fd : listen_at_path(listener, path);
	if (err)
		snprintf(why, why_size,
			 "cannot listen on " UNIX "%s: %s (choose another place with --listen)",
			 path,
			 err == -ENOTSOCK ? "a file that is no socket is there" : strerror(-err));
	return err;
}

struct listener *listener__open(const char *address, bool allow_remote, char *why, size_t why_size)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	const char *path = unix_path(address);
	int err;

	if (!listener) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	listener->fd = -1;
	err = path ? open_unix(listener, path, why, why_size)
		   : open_network(listener, address, allow_remote, why, why_size);
	if (!err)
		return listener;
	listener__close(listener);
	return NULL;
}

static void remove_socket(const struct listener *listener)
{
	int lock = lock_socket(listener->path);

	remove_file(listener->path, listener->device, listener->inode);
	if (lock >= 0)
		unlock_socket(listener->path, lock);
}

void listener__close(struct listener *listener)
{
	if (!listener)
		return;
	if (listener->path)
		remove_socket(listener);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}

int listener__take_fd(struct listener *listener)
{
	int fd = listener->fd;

	listener->fd = -1;
	return fd;
}

bool listener__is_unix(const struct listener *listener)
{
	return listener->is_unix;
}

bool listener__is_abstract(const struct listener *listener)
{
	return listener->is_unix && !listener->path;
}

bool listener__is_remote(const struct listener *listener)
{
	return listener->is_remote;
}

const char *listener__host(const struct listener *listener)
{
	return listener->host;
}

const char *listener__place(const struct listener *listener)
{
	return listener->place;
}
