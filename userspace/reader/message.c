// SPDX-License-Identifier: Apache-2.0
#include "reader/message.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "reader/passed_fd.h"

/* Of a text that is none. */
#define NO_TEXT UINT64_MAX

struct header {
	uint32_t type, size;
};

static void close_fd(struct message *message)
{
	if (message->fd >= 0)
		close(message->fd);
	message->fd = -1;
}

void message__release(struct message *message)
{
	close_fd(message);
	free(message->bytes);
	*message = (struct message){.fd = -1};
}

static bool reserve(struct message *message, size_t size)
{
	size_t capacity = message->capacity ?: 4096;
	uint8_t *grown;

	while (capacity < size)
		capacity *= 2;
	if (capacity == message->capacity)
		return true;
	grown = realloc(message->bytes, capacity);
	if (!grown)
		return false;
	message->bytes = grown;
	message->capacity = capacity;
	return true;
}

void message__begin(struct message *message, enum message_type type)
{
	close_fd(message);
	message->type = type;
	message->size = 0;
	message->at = 0;
	message->failed = false;
}

static void put(struct message *message, const void *bytes, size_t size)
{
	if (message->failed || size > MESSAGE_MAX - message->size ||
	    !reserve(message, message->size + size)) {
		message->failed = true;
		return;
	}
	memcpy(message->bytes + message->size, bytes, size);
	message->size += size;
}

void message__put_number(struct message *message, uint64_t number)
{
	put(message, &number, sizeof(number));
}

void message__put_text(struct message *message, const char *text)
{
	size_t length = text ? strnlen(text, MESSAGE_TEXT_MAX) : 0;

	message__put_number(message, text ? length : NO_TEXT);
	if (!text)
		return;
	put(message, text, length);
	put(message, "", 1);
}

static const void *take(struct message *message, size_t size)
{
	const void *taken = message->bytes + message->at;

	if (message->failed || size > message->size - message->at) {
		message->failed = true;
		return NULL;
	}
	message->at += size;
	return taken;
}

uint64_t message__take_number(struct message *message)
{
	const void *taken = take(message, sizeof(uint64_t));
	uint64_t number = 0;

	if (taken)
		memcpy(&number, taken, sizeof(number));
	return number;
}

const char *message__take_text(struct message *message)
{
	uint64_t length = message__take_number(message);
	const char *text;

	if (message->failed || length == NO_TEXT)
		return NULL;
	text = length > MESSAGE_TEXT_MAX ? NULL : take(message, length + 1);
	/* It ends where it says, and not before. */
	if (text && strnlen(text, length + 1) == length)
		return text;
	message->failed = true;
	return NULL;
}

bool message__is_over(const struct message *message)
{
	return !message->failed && message->at == message->size;
}

/* Until there is something to read, or room to write. */
static int wait_for(int socket, short events, int64_t deadline_ms)
{
	struct pollfd fd = {.fd = socket, .events = events};
	int64_t left_ms = -1;
	int ready;

	do {
		if (deadline_ms != INT64_MAX) {
			left_ms = deadline_ms - clock__monotonic_ms();
			if (left_ms <= 0)
				return -ETIMEDOUT;
		}
		ready = poll(&fd, 1, left_ms > INT32_MAX ? INT32_MAX : left_ms);
	} while (!ready || (ready < 0 && errno == EINTR));
	return ready < 0 ? -errno : 0;
}

static int send_all(int socket, struct msghdr *message, int64_t deadline_ms)
{
	struct iovec *part = message->msg_iov;

	while (part->iov_len) {
		ssize_t sent = sendmsg(socket, message, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err = 0;

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
		if (sent < 0)
			err = wait_for(socket, POLLOUT, deadline_ms);
		if (err)
			return err;
		if (sent < 0)
			continue;
		/* It has gone with the first byte. */
		message->msg_control = NULL;
		message->msg_controllen = 0;
		part->iov_base = (char *)part->iov_base + sent;
		part->iov_len -= sent;
	}
	return 0;
}

static int send_header(const struct header *header, int socket, int fd, int64_t deadline_ms)
{
	struct iovec part = {(void *)header, sizeof(*header)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union passed_fd passed = {};

	passed_fd__put(&passed, &message, fd);
	return send_all(socket, &message, deadline_ms);
}

int message__send(struct message *message, int socket, int fd, int64_t deadline_ms)
{
	struct header header = {message->type, message->size};
	struct iovec part = {message->bytes, message->size};
	int err;

	if (message->failed)
		return -EBADMSG;
	err = send_header(&header, socket, fd, deadline_ms);
	return err
		       ?: send_all(socket, &(struct msghdr){.msg_iov = &part, .msg_iovlen = 1},
				   deadline_ms);
}

static void keep_fd(struct message *message, struct msghdr *received)
{
	int fd = passed_fd__take(received);

	if (fd < 0)
		return;
	close_fd(message);
	message->fd = fd;
}

static int receive_all(struct message *message, int socket, void *bytes, size_t size,
		       int64_t deadline_ms)
{
	while (size) {
		struct iovec part = {bytes, size};
		struct msghdr received = {.msg_iov = &part, .msg_iovlen = 1};
		union passed_fd passed;
		ssize_t got;
		int err = 0;

		passed_fd__expect(&passed, &received);
		got = recvmsg(socket, &received, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (!got || (got < 0 && errno == ECONNRESET))
			return -EPIPE;
		if (got < 0)
			err = errno == EAGAIN || errno == EINTR
				      ? wait_for(socket, POLLIN, deadline_ms)
				      : -errno;
		if (err)
			return err;
		if (got < 0)
			continue;
		keep_fd(message, &received);
		bytes = (char *)bytes + got;
		size -= got;
	}
	return 0;
}

int message__receive(struct message *message, int socket, int64_t deadline_ms)
{
	struct header header;
	int err;

	message__begin(message, 0);
	err = receive_all(message, socket, &header, sizeof(header), deadline_ms);
	if (err)
		return err;
	if (header.size > MESSAGE_MAX)
		return -EBADMSG;
	if (!reserve(message, header.size))
		return -ENOMEM;
	message->type = header.type;
	message->size = header.size;
	return receive_all(message, socket, message->bytes, header.size, deadline_ms);
}
