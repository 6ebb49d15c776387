// SPDX-License-Identifier: Apache-2.0
#include "collect/heap_probes.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "collect/scratch_code.h"
#include "collect/uprobe.h"

/* A file whose functions are, or were, probed in a process. Its probes keep their numbers. */
struct attachment {
	pid_t pid;
	struct elf_file *file;
	uint32_t first_number;
	uint32_t count;
	uint64_t emulated[ALLOCATOR_PROBES_MAX / 64]; /* bits: that probe's instruction is */
	struct kept_links links;
};

struct heap_probes {
	struct link_keeper *keeper;
	bool sessions;
	struct attachment *attachments;
	size_t count, capacity;
	bool is_priced;
	int price_err;
	struct heap_prices prices;
};

struct heap_probes *heap_probes__new(struct link_keeper *keeper)
{
	struct heap_probes *probes = calloc(1, sizeof(*probes));

	if (probes)
		probes->keeper = keeper;
	return probes;
}

void heap_probes__detach(struct heap_probes *probes, pid_t pid, const struct elf_file *file)
{
	for (size_t i = 0; i < probes->count; i++) {
		if (probes->attachments[i].pid == pid &&
		    (!file || probes->attachments[i].file == file))
			kept_links__drop(&probes->attachments[i].links);
	}
}

void heap_probes__forget(struct heap_probes *probes, pid_t pid)
{
	size_t kept = 0;

	for (size_t i = 0; i < probes->count; i++) {
		struct attachment *attachment = &probes->attachments[i];

		if (attachment->pid != pid) {
			probes->attachments[kept++] = *attachment;
			continue;
		}
		kept_links__drop(&attachment->links);
		elf_file__put(attachment->file);
	}
	probes->count = kept;
}

void heap_probes__free(struct heap_probes *probes)
{
	if (!probes)
		return;
	for (size_t i = 0; i < probes->count; i++) {
		kept_links__drop(&probes->attachments[i].links);
		elf_file__put(probes->attachments[i].file);
	}
	free(probes->attachments);
	free(probes);
}

static int prepare_entries(const struct exoprof_bpf *skel)
{
	struct bpf_program *const programs[] = {
		skel->progs.heap_free,
		skel->progs.heap_stub_entry,
		skel->progs.heap_stub_return,
		skel->progs.heap_stub_free,
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs) && !err; i++)
		err = uprobe__prepare(programs[i], UPROBE_ENTRY);
	return err;
}

int heap_probes__configure(struct heap_probes *probes, struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	enum probe_flavour flavour = collector->options.flavour;
	int err;

	probes->sessions = flavour != PROBES_PAIR && uprobe__has_sessions();
	if (flavour == PROBES_SESSION && !probes->sessions)
		return -ENOTSUP;
	bpf_program__set_autoload(skel->progs.heap_session, probes->sessions);
	bpf_program__set_autoload(skel->progs.heap_free, probes->sessions);
	bpf_program__set_autoload(skel->progs.heap_entry, !probes->sessions);
	bpf_program__set_autoload(skel->progs.heap_return, !probes->sessions);
	if (!probes->sessions)
		return 0;
	err = prepare_entries(skel);
	if (!err)
		err = uprobe__prepare(skel->progs.heap_session, UPROBE_SESSION);
	return err ? err : uprobe__prepare(skel->progs.heap_calibrate, UPROBE_SESSION);
}

bool heap_probes__follow_throwing(const struct heap_probes *probes)
{
	return probes->sessions;
}

const char *heap_probes__flavour(const struct heap_probes *probes)
{
	return probes->sessions ? "session uprobes" : "uprobes and uretprobes";
}

static uint64_t cookie_of(const struct allocator_probe *probe, uint64_t number)
{
	uint64_t cookie = probe->call | number << WIRE_HEAP_NUMBER_SHIFT;

	if (probe->throws)
		cookie |= WIRE_HEAP_THROWS;
	for (int i = 0; i < PROLOGUE_ARGUMENTS_MAX; i++)
		cookie |= (uint64_t)probe->place.registers[i] << WIRE_HEAP_REGISTER_SHIFT(i);
	return cookie;
}

/* What heap_free takes. */
static bool is_plain_free(const struct allocator_probe *probe)
{
	return probe->call == WIRE_HEAP_FREE && probe->place.is_emulated &&
	       probe->place.registers[0] ==
		       (WIRE_HEAP_REGISTERS_AT_ENTRY >> WIRE_HEAP_REGISTER_SHIFT(0) & 15);
}

static int attach_frees(struct attachment *attachment, const struct bpf_program *program,
			const struct allocator *allocator, const char *path)
{
	uint64_t offsets[ALLOCATOR_PROBES_MAX], cookies[ALLOCATOR_PROBES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < allocator->count; i++) {
		if (!is_plain_free(&allocator->probes[i]))
			continue;
		offsets[count] = allocator->probes[i].file_offset;
		cookies[count++] = cookie_of(&allocator->probes[i], attachment->first_number + i);
	}
	if (!count)
		return 0;
	return kept_links__add(&attachment->links,
			       uprobe__attach(program, UPROBE_ENTRY, attachment->pid, path, offsets,
					      cookies, count));
}

/* Frees come first: a block must not look alive for want of a probe. */
static int attach_sessions(struct attachment *attachment, const struct exoprof_bpf *skel,
			   const struct allocator *allocator, const char *path)
{
	uint64_t offsets[ALLOCATOR_PROBES_MAX], cookies[ALLOCATOR_PROBES_MAX];
	int err = attach_frees(attachment, skel->progs.heap_free, allocator, path);
	size_t count = 0;

	if (err)
		return err;
	for (size_t i = 0; i < allocator->count; i++) {
		if (is_plain_free(&allocator->probes[i]))
			continue;
		offsets[count] = allocator->probes[i].file_offset;
		cookies[count++] = cookie_of(&allocator->probes[i], attachment->first_number + i);
	}
	return kept_links__add(&attachment->links,
			       uprobe__attach(skel->progs.heap_session, UPROBE_SESSION,
					      attachment->pid, path, offsets, cookies, count));
}

static int attach_one(struct attachment *attachment, const struct exoprof_bpf *skel,
		      const struct allocator *allocator, const char *path, size_t i, bool is_return)
{
	const struct allocator_probe *probe = &allocator->probes[i];
	const struct bpf_program *program =
		is_return ? skel->progs.heap_return : skel->progs.heap_entry;

	return kept_links__add(&attachment->links,
			       uprobe__attach_one(program, is_return, attachment->pid, path,
						  probe->file_offset,
						  cookie_of(probe, attachment->first_number + i)));
}

/* A return's probe comes before the entry's: a call must not look unfinished. It takes hold of
 * every call's return, so what throws is left alone, see may_throw() in bpf/heap.bpf.c. */
static int attach_pairs(struct attachment *attachment, const struct exoprof_bpf *skel,
			const struct allocator *allocator, const char *path)
{
	int err = 0;

	for (size_t i = 0; i < allocator->count && !err; i++) {
		if (allocator->probes[i].throws)
			continue;
		if (allocator__gives(allocator->probes[i].call))
			err = attach_one(attachment, skel, allocator, path, i, true);
		if (!err)
			err = attach_one(attachment, skel, allocator, path, i, false);
	}
	return err;
}

static int attach_to_stub(struct attachment *attachment, const struct heap_probes *probes,
			  const struct bpf_program *program, const char *path, uint64_t offset)
{
	uint64_t cookie = attachment->first_number | (uint64_t)attachment->count << 32;

	/* Those on many functions at a time cost the target less for each hit. */
	if (probes->sessions)
		return kept_links__add(&attachment->links,
				       uprobe__attach(program, UPROBE_ENTRY, attachment->pid, path,
						      &offset, &cookie, 1));
	return kept_links__add(
		&attachment->links,
		uprobe__attach_one(program, false, attachment->pid, path, offset, cookie));
}

/* In the order of attach_sessions() and attach_pairs(). */
static int attach_stub(struct attachment *attachment, const struct heap_probes *probes,
		       const struct exoprof_bpf *skel, const struct heap_stub *stub,
		       const char *path)
{
	int err = attach_to_stub(attachment, probes, skel->progs.heap_stub_free, path,
				 stub->free_offset);

	if (!err)
		err = attach_to_stub(attachment, probes, skel->progs.heap_stub_return, path,
				     stub->return_offset);
	return err ? err
		   : attach_to_stub(attachment, probes, skel->progs.heap_stub_entry, path,
				    stub->entry_offset);
}

static bool takes_numbers(const struct attachment *attachment, uint32_t first, uint32_t count)
{
	return attachment->first_number < first + count &&
	       first < attachment->first_number + attachment->count;
}

/* The first of so many in a row that are free; WIRE_HEAP_PROBES_MAX: there are none. */
static uint32_t free_numbers(const struct heap_probes *probes, uint32_t count)
{
	uint32_t first = 0;

	for (size_t i = 0; i < probes->count; i++) {
		if (!takes_numbers(&probes->attachments[i], first, count))
			continue;
		first = probes->attachments[i].first_number + probes->attachments[i].count;
		i = -1; /* from the start */
	}
	return first + count <= WIRE_HEAP_PROBES_MAX ? first : WIRE_HEAP_PROBES_MAX;
}

/* What an earlier owner of the numbers has counted there. */
static int clear_numbers(struct collector *collector, uint32_t first, uint32_t count)
{
	struct bpf_map *map = collector->skel->maps.heap_probes;
	int cpus = libbpf_num_possible_cpus(), err = 0;
	struct wire_heap_probe *none;

	if (cpus < 0)
		return cpus;
	none = calloc(cpus, sizeof(*none));
	if (!none)
		return -ENOMEM;
	for (uint32_t i = first; i < first + count && !err; i++)
		err = bpf_map__update_elem(map, &i, sizeof(i), none, cpus * sizeof(*none), BPF_ANY);
	free(none);
	return err;
}

static int add_attachment(struct heap_probes *probes, struct collector *collector, pid_t pid,
			  const struct allocator *allocator)
{
	struct attachment attachment = {
		.pid = pid,
		.file = allocator->file,
		.first_number = free_numbers(probes, allocator->count),
		.count = allocator->count,
		.links = {.keeper = probes->keeper},
	};
	int err;

	if (attachment.first_number == WIRE_HEAP_PROBES_MAX)
		return -E2BIG;
	err = clear_numbers(collector, attachment.first_number, attachment.count);
	if (!err)
		err = array_append(&probes->attachments, &probes->count, &probes->capacity,
				   attachment);
	if (!err)
		elf_file__get(allocator->file);
	return err;
}

/* The file's from an earlier time, or a new one. NULL with errno set. */
static struct attachment *attachment_of(struct heap_probes *probes, struct collector *collector,
					pid_t pid, const struct allocator *allocator)
{
	int err;

	for (size_t i = 0; i < probes->count; i++) {
		if (probes->attachments[i].pid == pid &&
		    probes->attachments[i].file == allocator->file)
			return &probes->attachments[i];
	}
	err = add_attachment(probes, collector, pid, allocator);
	if (!err)
		return &probes->attachments[probes->count - 1];
	errno = -err;
	return NULL;
}

/* The instructions that a stub is probed at do nothing, which the kernel emulates, too. */
static void note_emulated(struct attachment *attachment, const struct allocator *allocator,
			  bool by_stub)
{
	for (size_t i = 0; i < allocator->count; i++) {
		uint64_t bit = 1ULL << i % 64;

		attachment->emulated[i / 64] &= ~bit;
		if (by_stub || allocator->probes[i].place.is_emulated)
			attachment->emulated[i / 64] |= bit;
	}
}

int heap_probes__cookies(struct heap_probes *probes, struct collector *collector, pid_t pid,
			 const struct allocator *allocator, uint64_t *cookies)
{
	struct attachment *attachment = attachment_of(probes, collector, pid, allocator);

	if (!attachment)
		return -errno;
	for (size_t i = 0; i < allocator->count; i++)
		cookies[i] = cookie_of(&allocator->probes[i], attachment->first_number + i);
	return 0;
}

int heap_probes__attach(struct heap_probes *probes, struct collector *collector, pid_t pid,
			const struct allocator *allocator, const struct heap_stub *stub)
{
	struct attachment *attachment = attachment_of(probes, collector, pid, allocator);
	char path[64];
	int err;

	if (!attachment)
		return -errno;
	note_emulated(attachment, allocator, stub);
	/* The very file that is mapped, whatever its path leads to by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d",
		 stub ? stub->fd : elf_file__fd(allocator->file));
	if (stub)
		err = attach_stub(attachment, probes, collector->skel, stub, path);
	else if (probes->sessions)
		err = attach_sessions(attachment, collector->skel, allocator, path);
	else
		err = attach_pairs(attachment, collector->skel, allocator, path);
	if (err)
		kept_links__drop(&attachment->links);
	return err;
}

/* Of the probes' number. */
static int add_hits(struct collector *collector, uint32_t number, bool is_emulated,
		    struct wire_heap_probe *values, int cpus, struct heap_hits *hits)
{
	int err = bpf_map__lookup_elem(collector->skel->maps.heap_probes, &number, sizeof(number),
				       values, cpus * sizeof(*values), 0);

	for (int cpu = 0; cpu < cpus && !err; cpu++) {
		*(is_emulated ? &hits->emulated : &hits->stepped) += values[cpu].hits;
		hits->returns += values[cpu].returns;
		hits->stack_ns += values[cpu].stack_ns;
	}
	return err;
}

/* By another process too. A session program is not run for a process that is not its own, which the
 * kernel takes for a wish to see the return (handler_chain() of Linux 6.18): each call pays for
 * one, then. */
static bool is_shared(const struct heap_probes *probes, const struct attachment *attachment)
{
	for (size_t i = 0; i < probes->count && probes->sessions; i++) {
		const struct attachment *other = &probes->attachments[i];

		if (other->pid != attachment->pid && other->links.count &&
		    elf_file__is_same(other->file, attachment->file))
			return true;
	}
	return false;
}

int heap_probes__hits(const struct heap_probes *probes, struct collector *collector, pid_t pid,
		      struct heap_hits *hits)
{
	int cpus = libbpf_num_possible_cpus();
	struct wire_heap_probe *values;
	int err = 0;

	*hits = (struct heap_hits){};
	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < probes->count; i++) {
		const struct attachment *attachment = &probes->attachments[i];
		struct heap_hits before = *hits;

		if (attachment->pid != pid)
			continue;
		for (uint32_t probe = 0; probe < attachment->count && !err; probe++)
			err = add_hits(collector, attachment->first_number + probe,
				       attachment->emulated[probe / 64] >> probe % 64 & 1, values,
				       cpus, hits);
		if (is_shared(probes, attachment))
			hits->returns = before.returns + hits->emulated - before.emulated +
					hits->stepped - before.stepped;
	}
	free(values);
	return err;
}

/* The link's descriptor, or -errno. */
static int attach_calibration(const struct heap_probes *probes, struct collector *collector,
			      const struct scratch_code *code, bool with_return)
{
	const struct bpf_program *program = collector->skel->progs.heap_calibrate;
	const char *path = scratch_code__path(code);
	uint64_t cookie = with_return, offset = 0;

	if (probes->sessions)
		return uprobe__attach(program, UPROBE_SESSION, getpid(), path, &offset, &cookie, 1);
	/* A return probe alone makes the entry trap as well. */
	return uprobe__attach_one(program, with_return, getpid(), path, offset, cookie);
}

/* Nanoseconds that a probe adds to a call of the function; < 0: -errno. */
static double measure(const struct heap_probes *probes, struct collector *collector,
		      const void *function, size_t size, bool with_return)
{
	struct scratch_code *code = scratch_code__new(function, size);
	double bare_ns, probed_ns;
	int fd;

	if (!code)
		return -errno;
	bare_ns = scratch_code__call_ns(code);
	fd = attach_calibration(probes, collector, code, with_return);
	if (fd < 0) {
		scratch_code__free(code);
		return fd;
	}
	probed_ns = scratch_code__call_ns(code);
	close(fd);
	scratch_code__free(code);
	return probed_ns > bare_ns ? probed_ns - bare_ns : 0;
}

static int calibrate(const struct heap_probes *probes, struct collector *collector,
		     struct heap_prices *prices)
{
	static const unsigned char emulated[] = {0x55, 0x5d, 0xc3};      /* push rbp; pop; ret */
	static const unsigned char stepped[] = {0x48, 0x85, 0xff, 0xc3}; /* test rdi,rdi; ret */
	double returning_ns;

	prices->emulated_ns = measure(probes, collector, emulated, sizeof(emulated), false);
	prices->stepped_ns = measure(probes, collector, stepped, sizeof(stepped), false);
	returning_ns = measure(probes, collector, emulated, sizeof(emulated), true);
	if (prices->emulated_ns < 0 || prices->stepped_ns < 0 || returning_ns < 0)
		return -EIO;
	prices->return_ns =
		returning_ns > prices->emulated_ns ? returning_ns - prices->emulated_ns : 0;
	return 0;
}

int heap_probes__calibrate(struct heap_probes *probes, struct collector *collector,
			   struct heap_prices *prices)
{
	if (!probes->is_priced)
		probes->price_err = calibrate(probes, collector, &probes->prices);
	probes->is_priced = true;
	*prices = probes->prices;
	return probes->price_err;
}
