// SPDX-License-Identifier: Apache-2.0
/* The heap: probes on the allocator, and the books kept of what it gave and took back. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/version.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/intern.h"
#include "collect/internal.h"
#include "collect/uprobe.h"

static const struct {
	enum wire_heap_call cookie;
	bool returns;
} kinds[ALLOCATOR_CALLS] = {
	[ALLOCATOR_FREE] = {WIRE_HEAP_FREE,           false},
	[ALLOCATOR_CFREE] = {WIRE_HEAP_FREE,           false},
	[ALLOCATOR_REALLOCARRAY] = {WIRE_HEAP_REALLOCARRAY,   true },
	[ALLOCATOR_REALLOC] = {WIRE_HEAP_REALLOC,        true },
	[ALLOCATOR_CALLOC] = {WIRE_HEAP_CALLOC,         true },
	[ALLOCATOR_MALLOC] = {WIRE_HEAP_MALLOC,         true },
	[ALLOCATOR_POSIX_MEMALIGN] = {WIRE_HEAP_POSIX_MEMALIGN, true },
	[ALLOCATOR_ALIGNED_ALLOC] = {WIRE_HEAP_ALIGNED,        true },
	[ALLOCATOR_MEMALIGN] = {WIRE_HEAP_ALIGNED,        true },
	[ALLOCATOR_VALLOC] = {WIRE_HEAP_MALLOC,         true },
	[ALLOCATOR_PVALLOC] = {WIRE_HEAP_MALLOC,         true },
};

struct heap_source {
	bool sessions;
	int session_fd;                              /* -1: none */
	struct bpf_link *pairs[2 * ALLOCATOR_CALLS]; /* return, entry, return, ...; NULL: none */
	int64_t attached_ns;
};

struct heap_source *heap_source__new(void)
{
	struct heap_source *source = calloc(1, sizeof(*source));

	if (source)
		source->session_fd = -1;
	return source;
}

static void detach(struct heap_source *source)
{
	if (source->session_fd >= 0)
		close(source->session_fd);
	source->session_fd = -1;
	for (size_t i = 2 * ALLOCATOR_CALLS; i-- > 0;) {
		bpf_link__destroy(source->pairs[i]);
		source->pairs[i] = NULL;
	}
}

void heap_source__free(struct heap_source *source)
{
	if (!source)
		return;
	detach(source);
	free(source);
}

/* Since 6.1 BPF's own allocator makes it safe to allocate elements as they come, from any context;
 * before, a map has to be paid for whole (kernel commit 7c8199e24fa0). */
static bool allocates_safely(void)
{
	struct utsname kernel;
	unsigned int major, minor;

	if (uname(&kernel) || sscanf(kernel.release, "%u.%u", &major, &minor) != 2)
		return false;
	return KERNEL_VERSION(major, minor, 0) >= KERNEL_VERSION(6, 1, 0);
}

/* 256 Ki sampled blocks of 512 KiB on average stand for a heap of 128 GiB. When most allocations
 * are sampled, there is one for every live block. */
#define LIVE_SPARSE      262144
#define LIVE_DENSE       4194304
#define DENSE_RATE_BELOW 4096

static int configure_maps(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	struct bpf_map *const as_they_come[] = {
		skel->maps.heap_live,
		skel->maps.heap_stats,
		skel->maps.heap_stacks,
	};
	bool dense = collector->options.heap_rate < DENSE_RATE_BELOW;
	int err = bpf_map__set_max_entries(skel->maps.heap_live, dense ? LIVE_DENSE : LIVE_SPARSE);

	for (size_t i = 0; i < sizeof(as_they_come) / sizeof(*as_they_come) && !err; i++) {
		if (allocates_safely())
			err = bpf_map__set_map_flags(as_they_come[i], BPF_F_NO_PREALLOC);
	}
	return err;
}

int heap_source__configure(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	struct heap_source *source = collector->heap;
	enum probe_flavour flavour = collector->options.flavour;
	int err;

	skel->rodata->heap_rate = collector->options.heap_rate;
	err = configure_maps(collector);
	if (err)
		return err;
	source->sessions = flavour != PROBES_PAIR && uprobe_session__supported();
	if (flavour == PROBES_SESSION && !source->sessions)
		return -ENOTSUP;
	bpf_program__set_autoload(skel->progs.heap_session, source->sessions);
	bpf_program__set_autoload(skel->progs.heap_entry, !source->sessions);
	bpf_program__set_autoload(skel->progs.heap_return, !source->sessions);
	return source->sessions ? uprobe_session__prepare(skel->progs.heap_session) : 0;
}

/* In the order of enum allocator_call, which has frees first: a probe that is not there yet must
 * not make a freed block look alive. */
static int attach_sessions(struct collector *collector, const struct allocator *allocator,
			   const char *path)
{
	uint64_t offsets[ALLOCATOR_CALLS], cookies[ALLOCATOR_CALLS];
	size_t count = 0;
	int fd;

	for (int call = 0; call < ALLOCATOR_CALLS; call++) {
		if (!allocator->probe_offsets[call])
			continue;
		offsets[count] = allocator->probe_offsets[call];
		cookies[count++] = kinds[call].cookie;
	}
	fd = uprobe_session__attach(collector->skel->progs.heap_session, collector->options.pid,
				    path, offsets, cookies, count);
	if (fd < 0)
		return fd;
	collector->heap->session_fd = fd;
	return 0;
}

static int attach_one(struct collector *collector, const struct allocator *allocator,
		      const char *path, enum allocator_call call, bool is_return)
{
	struct exoprof_bpf *skel = collector->skel;
	struct bpf_link *link;
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = kinds[call].cookie, .retprobe = is_return);

	link = bpf_program__attach_uprobe_opts(
		is_return ? skel->progs.heap_return : skel->progs.heap_entry,
		collector->options.pid, path, allocator->probe_offsets[call], &opts);
	if (!link)
		return -errno;
	collector->heap->pairs[2 * call + !is_return] = link;
	return 0;
}

/* A return's probe comes before the entry's: a call must not look unfinished. */
static int attach_pairs(struct collector *collector, const struct allocator *allocator,
			const char *path)
{
	for (int call = 0; call < ALLOCATOR_CALLS; call++) {
		int err = 0;

		if (!allocator->probe_offsets[call])
			continue;
		if (kinds[call].returns)
			err = attach_one(collector, allocator, path, call, true);
		if (!err)
			err = attach_one(collector, allocator, path, call, false);
		if (err)
			return err;
	}
	return 0;
}

int heap__attach(struct collector *collector, const struct allocator *allocator)
{
	struct heap_source *source = collector->heap;
	char path[64];
	int err;

	/* The very file that is mapped, whatever its path leads to by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", elf_file__fd(allocator->file));
	if (source->sessions)
		err = attach_sessions(collector, allocator, path);
	else
		err = attach_pairs(collector, allocator, path);
	if (err)
		detach(source);
	else
		source->attached_ns = clock__realtime_ns();
	return err;
}

const char *heap__flavour(const struct collector *collector)
{
	const struct heap_source *source = collector->heap;

	if (source->session_fd >= 0)
		return "session uprobes";
	return source->pairs[2 * ALLOCATOR_FREE + 1] ? "uprobes and uretprobes" : "";
}

static int add_stats(void *context, const void *key_bytes, const void *value)
{
	struct gathering *gathering = context;
	const struct wire_heap_key *key = key_bytes;
	const struct wire_heap_counts *counts = value;
	struct sample_row row = {
		.size = key->size,
		.samples = counts->allocs,
		/* The two are not read at one instant. */
		.frees = counts->frees < counts->allocs ? counts->frees : counts->allocs,
	};
	bool is_new;
	int err = gathering__stack(gathering, key->stack, &row.stack, &is_new);

	return err ? err : samples__add_row(gathering->samples, row);
}

static int gather(struct collector *collector, struct samples *samples)
{
	struct exoprof_bpf *skel = collector->skel;
	struct gathering gathering = {
		.samples = samples,
		.ids = intern__new(),
		.stacks_fd = bpf_map__fd(skel->maps.heap_stacks),
	};
	int err;

	if (!gathering.ids)
		return -ENOMEM;
	err = counters__read(skel, samples->counters);
	if (!err)
		err = map__each(bpf_map__fd(skel->maps.heap_stats), sizeof(struct wire_heap_key),
				sizeof(struct wire_heap_counts), add_stats, &gathering);
	intern__free(gathering.ids);
	return err;
}

struct samples *heap__snapshot(struct collector *collector, struct maps *maps)
{
	struct samples *samples = samples__new(SAMPLES_HEAP, maps);
	int err;

	if (!samples)
		return NULL;
	samples->heap_rate = collector->options.heap_rate;
	samples->how = heap__flavour(collector);
	samples->attached_ns = collector->heap->attached_ns;
	samples->time_ns = clock__realtime_ns();
	err = gather(collector, samples);
	if (!err)
		return samples;
	samples__free(samples);
	errno = -err;
	return NULL;
}
