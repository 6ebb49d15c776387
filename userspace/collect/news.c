// SPDX-License-Identifier: Apache-2.0
#include "collect/news.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wire.h"

/* A record of a mapping has its path in it, at most 4 KiB: 16 KiB hold a few on each CPU. */
#define DATA_BYTES 16384

/* The mapping records of one CPU, of all processes: there is no cheaper way to get those of one
 * with all its threads, and mapping code is rare. */
struct stream {
	int fd;
	struct perf_event_mmap_page *page; /* the ring's head, its data behind it */
};

struct news {
	int epoll_fd;
	struct ring_buffer *ring;
	struct stream *streams;
	size_t stream_count;
	const struct news_receiver *receiver; /* while news is taken */
};

static int on_ring(void *context, void *data, size_t size)
{
	const struct news_receiver *receiver = ((struct news *)context)->receiver;
	const struct wire_news *record = data;

	if (size < sizeof(*record))
		return 0;
	if (record->kind == WIRE_NEWS_LIFE)
		receiver->life(receiver->context);
	else
		receiver->mappings(receiver->context, record->tgid);
	return 0;
}

static size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static int watch(const struct news *news, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(news->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void close_stream(struct stream *stream)
{
	if (stream->page)
		munmap(stream->page, page_size() + DATA_BYTES);
	close(stream->fd);
}

/* 0; 1 for a CPU that is offline; -errno. */
static int open_stream(struct news *news, int cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1,
		.watermark = 1,
		.wakeup_watermark = 1,
	};
	struct stream stream = {};
	void *page;
	int err;

	stream.fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (stream.fd < 0)
		return errno == ENODEV ? 1 : -errno;
	page = mmap(NULL, page_size() + DATA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, stream.fd,
		    0);
	if (page == MAP_FAILED) {
		err = -errno;
		close(stream.fd);
		return err;
	}
	stream.page = page;
	err = watch(news, stream.fd);
	if (err)
		close_stream(&stream);
	else
		news->streams[news->stream_count++] = stream;
	return err;
}

/* Without them, for want of locked memory say, unknown addresses and time have to do. */
static void open_streams(struct news *news)
{
	int cpus = libbpf_num_possible_cpus();

	if (cpus <= 0)
		return;
	news->streams = calloc(cpus, sizeof(*news->streams));
	for (int cpu = 0; news->streams && cpu < cpus; cpu++)
		open_stream(news, cpu);
}

struct news *news__open(int ring_fd)
{
	struct news *news = calloc(1, sizeof(*news));
	int err = -ENOMEM;

	if (!news)
		return NULL;
	news->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (news->epoll_fd >= 0)
		news->ring = ring_buffer__new(ring_fd, on_ring, news, NULL);
	if (!news->ring) {
		err = -errno;
		goto fail;
	}
	err = watch(news, ring_buffer__epoll_fd(news->ring));
	if (err)
		goto fail;
	open_streams(news);
	return news;
fail:
	news__close(news);
	errno = -err;
	return NULL;
}

void news__close(struct news *news)
{
	if (!news)
		return;
	for (size_t i = 0; i < news->stream_count; i++)
		close_stream(&news->streams[i]);
	free(news->streams);
	ring_buffer__free(news->ring);
	if (news->epoll_fd >= 0)
		close(news->epoll_fd);
	free(news);
}

int news__fd(const struct news *news)
{
	return news->epoll_fd;
}

/* Bytes of the ring from `at` on, which may go round its end. */
static void copy_out(const struct stream *stream, uint64_t at, void *to, size_t size)
{
	const char *data = (const char *)stream->page + page_size();

	for (size_t i = 0; i < size; i++)
		((char *)to)[i] = data[(at + i) % DATA_BYTES];
}

/* Reads the records up to the head. A mapping's begins { header; u32 pid, tid; ... }
 * (perf_event_open(2)). */
static void take_stream(const struct stream *stream, const struct news_receiver *receiver)
{
	uint64_t head = __atomic_load_n(&stream->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = stream->page->data_tail;

	while (tail < head) {
		struct {
			struct perf_event_header header;
			uint32_t pid;
		} record;

		copy_out(stream, tail, &record, sizeof(record));
		if (record.header.size < sizeof(record.header))
			break;
		if (record.header.type == PERF_RECORD_LOST)
			receiver->mappings(receiver->context, 0);
		else
			receiver->mappings(receiver->context, record.pid);
		tail += record.header.size;
	}
	__atomic_store_n(&stream->page->data_tail, head, __ATOMIC_RELEASE);
}

void news__take(struct news *news, const struct news_receiver *receiver)
{
	news->receiver = receiver;
	ring_buffer__consume(news->ring);
	news->receiver = NULL;
	for (size_t i = 0; i < news->stream_count; i++)
		take_stream(&news->streams[i], receiver);
}
