/* SPDX-License-Identifier: Apache-2.0 */
/* A link between two network namespaces for kernels without netem: a tun device in each, and every
 * packet that one of them sends comes out of the other one late, or never. Delay and jitter are of
 * one way; loss is that of whole packets, so that TCP repeats them as it does out there. Packets
 * keep their order, as in a router's queue: one with much jitter holds up those behind it.
 * The devices are called link0, and are gone when this ends. Prints "ready" once they are there.
 * Usage: slow_link NETNS_FILE NETNS_FILE DELAY_US JITTER_US LOSS_PERCENT */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_US     1000LL
#define NS_PER_SEC    1000000000LL
/* 100 ms of 1500-byte packets at 1.9 Gbit/s, which is more than comes through here. */
#define QUEUE_PACKETS 16384
/* How many are taken in before others are looked at, which may be due. */
#define BATCH_PACKETS 64
/* What a tun device sends unless told otherwise. */
#define MTU           1500

struct packet {
	int64_t due_ns;
	size_t len;
	char bytes[MTU];
};

/* One direction: what has come in at one device and is not yet due at the other. */
struct lane {
	int in, out;
	uint64_t head, tail; /* ever taken off, ever put in */
	int64_t last_due_ns;
	struct packet *queue;
};

struct link {
	struct lane lanes[2];
	int64_t delay_ns, jitter_ns;
	double loss;
};

static void die(const char *what)
{
	fprintf(stderr, "slow_link: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

/* A tun device belongs to the namespace of the thread that opens it. */
static int open_device(const char *netns)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "link0"};
	int ns = open(netns, O_RDONLY | O_CLOEXEC);
	int fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		die(netns);
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		die("/dev/net/tun");
	return fd;
}

static void lane__open(struct lane *lane, int in, int out)
{
	lane->in = in;
	lane->out = out;
	lane->queue = malloc(QUEUE_PACKETS * sizeof(*lane->queue));
	if (!lane->queue)
		die("no memory");
}

static struct packet *lane__first(struct lane *lane)
{
	return lane->head == lane->tail ? NULL : &lane->queue[lane->head % QUEUE_PACKETS];
}

/* When the next one is to leave; INT64_MAX where there is none. */
static int64_t lane__due_ns(struct lane *lane)
{
	struct packet *first = lane__first(lane);

	return first ? first->due_ns : INT64_MAX;
}

/* What does not fit is dropped, as a router drops it. */
static void lane__take(struct lane *lane, const struct link *link)
{
	struct packet *packet;
	char dropped[MTU];
	bool full, lost;
	ssize_t len;

	for (int i = 0; i < BATCH_PACKETS; i++) {
		packet = &lane->queue[lane->tail % QUEUE_PACKETS];
		full = lane->tail - lane->head == QUEUE_PACKETS;
		lost = drand48() < link->loss;
		len = read(lane->in, full ? dropped : packet->bytes, MTU);
		if (len <= 0)
			return;
		if (full || lost)
			continue;
		packet->len = len;
		packet->due_ns = now_ns() + link->delay_ns +
				 (int64_t)((2 * drand48() - 1) * link->jitter_ns);
		if (packet->due_ns < lane->last_due_ns)
			packet->due_ns = lane->last_due_ns;
		lane->last_due_ns = packet->due_ns;
		lane->tail++;
	}
}

static void lane__give(struct lane *lane, int64_t until_ns)
{
	struct packet *packet;

	while ((packet = lane__first(lane)) && packet->due_ns <= until_ns) {
		/* Where the device takes it not, as when it is down, it is lost. */
		(void)!write(lane->out, packet->bytes, packet->len);
		lane->head++;
	}
}

static void wait_for_packets(struct link *link)
{
	struct pollfd fds[2] = {
		{.fd = link->lanes[0].in, .events = POLLIN},
		{.fd = link->lanes[1].in, .events = POLLIN}
        };
	int64_t due_ns = lane__due_ns(&link->lanes[0]);
	int64_t other_ns = lane__due_ns(&link->lanes[1]);
	struct timespec timeout;
	int64_t left_ns;

	if (other_ns < due_ns)
		due_ns = other_ns;
	left_ns = due_ns - now_ns();
	if (left_ns < 0)
		left_ns = 0;
	timeout =
		(struct timespec){.tv_sec = left_ns / NS_PER_SEC, .tv_nsec = left_ns % NS_PER_SEC};
	ppoll(fds, 2, due_ns == INT64_MAX ? NULL : &timeout, NULL);
}

int main(int argc, char **argv)
{
	struct link link = {0};
	int a, b;

	if (argc != 6) {
		fprintf(stderr, "usage: slow_link NETNS_FILE NETNS_FILE DELAY_US JITTER_US "
				"LOSS_PERCENT\n");
		return 2;
	}
	a = open_device(argv[1]);
	b = open_device(argv[2]);
	lane__open(&link.lanes[0], a, b);
	lane__open(&link.lanes[1], b, a);
	link.delay_ns = atoll(argv[3]) * NS_PER_US;
	link.jitter_ns = atoll(argv[4]) * NS_PER_US;
	link.loss = atof(argv[5]) / 100;
	/* The default, 50 us, would be on top of each delay. */
	prctl(PR_SET_TIMERSLACK, 1);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		wait_for_packets(&link);
		for (int i = 0; i < 2; i++) {
			lane__take(&link.lanes[i], &link);
			lane__give(&link.lanes[i], now_ns());
		}
	}
}
