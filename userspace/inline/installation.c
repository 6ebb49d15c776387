// SPDX-License-Identifier: Apache-2.0
#include "inline/installation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "inline/patch.h"
#include "inline/remote.h"

#define PATIENCE_MS   200

/* A thread may be where it must not be, or about to get a signal: it is elsewhere soon. */
#define TRIES         30
#define BETWEEN_TRIES 5000000 /* ns */

struct installation {
	pid_t pid;
	uint64_t address, text_bytes, data_bytes;
	uint64_t mapped_bytes; /* of these, so far */
	uint64_t books;        /* address */
	uint64_t id;           /* as its table has it */
	bool has_text;         /* mapped */
	uint64_t code_address; /* for remote calls */
	int fd;
	int64_t their_fd; /* the same, as long as the process has it open; else < 0 */
	struct patch patches[STUB_SLOTS_MAX];
	size_t count;
	int64_t longest_ns;
};

static bool has_books(const struct installation *installation)
{
	return installation->books == installation->address + STUB_OWN_BYTES;
}

/* --- where remote calls are made
 * ------------------------------------------------------------------- */

/* Behind the end of a file's code, on its last page. */
static uint64_t find_code_address(const struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		uint64_t end, address;

		if (!mapping->file ||
		    !elf_file__code_end(mapping->file, mapping->file_offset, &end) ||
		    end < mapping->file_offset)
			continue;
		address = mapping->start + (end - mapping->file_offset);
		address = (address + 7) / 8 * 8;
		if (address < mapping->end && mapping->end - address >= REMOTE_CODE_BYTES)
			return address;
	}
	return 0;
}

/* --- one stop
 * -------------------------------------------------------------------------------------- */

typedef int stopped_work(struct installation *installation, struct stopped *stopped,
			 const void *context);

static int try_once(struct installation *installation, stopped_work *work, const void *context)
{
	struct stopped *stopped = stopped__new(installation->pid, PATIENCE_MS);
	int64_t took_ns;
	int err;

	if (!stopped)
		return -errno;
	err = work(installation, stopped, context);
	took_ns = stopped__ns(stopped);
	stopped__free(stopped);
	if (took_ns > installation->longest_ns)
		installation->longest_ns = took_ns;
	return err;
}

static int while_stopped(struct installation *installation, stopped_work *work, const void *context)
{
	int err = 0;

	for (int i = 0; i < TRIES; i++) {
		err = try_once(installation, work, context);
		if (err != -EAGAIN)
			break;
		nanosleep(&(struct timespec){.tv_nsec = BETWEEN_TRIES}, NULL);
	}
	return err;
}

/* --- mapping
 * --------------------------------------------------------------------------------------- */

/* What the call gave, or -errno of whatever went wrong. */
static int64_t call(struct remote *remote, long number, uint64_t a, uint64_t b, uint64_t c,
		    uint64_t d, uint64_t e, uint64_t f)
{
	const uint64_t arguments[] = {a, b, c, d, e, f};
	int64_t result;
	int err = remote__call(remote, number, arguments, &result);

	return err ? err : result;
}

static int64_t make_memfd(struct remote *remote)
{
	uint64_t name = remote__put(remote, MAPPING_STUB_MEMFD, sizeof(MAPPING_STUB_MEMFD));
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int64_t fd;

	if (!name)
		return -EFAULT;
	/* Linux 6.3, where the flag is new, may be told to make them not executable otherwise. */
	fd = call(remote, SYS_memfd_create, name, flags | 0x10 /* MFD_EXEC */, 0, 0, 0, 0);
	return fd == -EINVAL ? call(remote, SYS_memfd_create, name, flags, 0, 0, 0, 0) : fd;
}

/* The same file as a descriptor of ours. */
static int take_fd(pid_t pid, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), taken, err;

	if (pidfd < 0)
		return -errno;
	taken = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	err = -errno;
	close(pidfd);
	return taken < 0 ? err : taken;
}

/* Nobody changes it from now on, the process itself included. */
static int write_text(int fd, const struct stub_image *image, uint64_t id)
{
	off_t id_at = STUB_TABLE_AT + offsetof(struct stub_table, id);

	/* What the process had us take as its new file is one. */
	if (fcntl(fd, F_GET_SEALS) != 0 || lseek(fd, 0, SEEK_END) != 0)
		return -EBADMSG;
	if (pwrite(fd, image->text, sizeof(image->text), 0) != sizeof(image->text) ||
	    pwrite(fd, &id, sizeof(id), id_at) != sizeof(id))
		return -EIO;
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
		       ? -errno
		       : 0;
}

static int64_t map_text(const struct installation *installation, struct remote *remote)
{
	return call(remote, SYS_mmap, installation->address, installation->text_bytes,
		    PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, installation->their_fd, 0);
}

/* All of it: whoever finds the text that comes over its beginning knows that the rest is there. */
static int64_t map_data(const struct installation *installation, struct remote *remote)
{
	return call(remote, SYS_mmap, installation->address,
		    installation->text_bytes + installation->data_bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

/* See unless_child in stub.S. */
static int64_t clear_in_children(const struct installation *installation, struct remote *remote)
{
	return call(remote, SYS_madvise, installation->books + STUB_GLOBALS_AT, STUB_GLOBALS_BYTES,
		    MADV_WIPEONFORK, 0, 0, 0);
}

static int64_t unmap_all(const struct installation *installation, struct remote *remote)
{
	return call(remote, SYS_munmap, installation->address, installation->mapped_bytes, 0, 0, 0,
		    0);
}

static int64_t close_theirs(const struct installation *installation, struct remote *remote)
{
	return call(remote, SYS_close, installation->their_fd, 0, 0, 0, 0, 0);
}

/* Each step is made once: a signal to the borrowed thread may come before any of them, and then the
 * rest is for another try. */
static int64_t map_by(struct installation *installation, struct remote *remote,
		      const struct stub_image *image)
{
	int64_t got = 0;

	if (installation->their_fd < 0)
		got = installation->their_fd = make_memfd(remote);
	if (got >= 0 && installation->fd < 0) {
		got = installation->fd = take_fd(installation->pid, installation->their_fd);
		if (got >= 0)
			got = write_text(installation->fd, image, installation->id);
	}
	if (got >= 0 && !installation->mapped_bytes) {
		got = map_data(installation, remote);
		if (got >= 0)
			installation->mapped_bytes =
				installation->text_bytes + installation->data_bytes;
	}
	if (got >= 0 && !installation->has_text) {
		got = map_text(installation, remote);
		installation->has_text = got >= 0;
	}
	/* Twice does no harm. */
	if (got >= 0 && has_books(installation))
		got = clear_in_children(installation, remote);
	if (got >= 0)
		got = close_theirs(installation, remote);
	if (got >= 0)
		installation->their_fd = -1;
	return got == -EEXIST ? -EADDRINUSE : got < 0 ? got : 0;
}

static int map(struct installation *installation, struct stopped *stopped, const void *image)
{
	struct remote *remote = remote__new(stopped, installation->code_address);
	int err, end_err;

	if (!remote)
		return -errno;
	err = map_by(installation, remote, image);
	end_err = remote__free(remote);
	return err ? err : end_err;
}

/* Takes away what is there of it. */
static int64_t clear_by(struct installation *installation, struct remote *remote)
{
	int64_t err = installation->mapped_bytes ? unmap_all(installation, remote) : 0;

	if (!err)
		installation->mapped_bytes = 0;
	if (!err && installation->their_fd >= 0)
		err = close_theirs(installation, remote);
	if (!err)
		installation->their_fd = -1;
	return err;
}

/* --- data
 * ------------------------------------------------------------------------------------------- */

static int get(const struct installation *installation, uint64_t address, void *bytes, size_t size)
{
	struct iovec here = {bytes, size};
	struct iovec there = {(void *)address, size};
	ssize_t got = process_vm_readv(installation->pid, &here, 1, &there, 1, 0);

	if (got < 0)
		return -errno;
	return got == (ssize_t)size ? 0 : -EFAULT;
}

static int put(const struct installation *installation, uint64_t address, const void *bytes,
	       size_t size)
{
	struct iovec here = {(void *)bytes, size};
	struct iovec there = {(void *)address, size};
	ssize_t put = process_vm_writev(installation->pid, &here, 1, &there, 1, 0);

	if (put < 0)
		return -errno;
	return put == (ssize_t)size ? 0 : -EFAULT;
}

/* By the middle of each of as many parts of the exponential distribution: the mean is what it
 * should be, whichever are drawn. */
static int put_gaps(const struct installation *installation, uint64_t rate)
{
	uint64_t gaps[STUB_GAPS];

	for (int i = 0; i < STUB_GAPS; i++)
		gaps[i] = rate <= 1 ? 0 : rate * -log((i + 0.5) / STUB_GAPS);
	return put(installation, installation->books + STUB_GAPS_AT, gaps, sizeof(gaps));
}

static int put_books(const struct installation *installation, uint64_t rate)
{
	uint64_t increment, globals[3] = {};
	int err;

	if (getrandom(&increment, sizeof(increment), 0) != sizeof(increment))
		return -EIO;
	globals[STUB_INCREMENT / sizeof(*globals)] = increment | 1;
	globals[STUB_PROBED / sizeof(*globals)] = 1;
	err = put(installation, installation->books + STUB_GLOBALS_AT, globals, sizeof(globals));
	return err ? err : put_gaps(installation, rate);
}

static int put_data(const struct installation *installation, const struct stub_image *image,
		    uint64_t rate)
{
	int err = put(installation, installation->address + STUB_RECORDS_AT, image->records,
		      sizeof(image->records));

	return !err && has_books(installation) ? put_books(installation, rate) : err;
}

/* --- the whole
 * --------------------------------------------------------------------------------------- */

/* Those that take memory back come first, as the allocator has them: no block looks alive for want
 * of a jump. */
static void make_patches(struct installation *installation, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_function *function = &plan->functions[i];
		const struct hook_place *place = &function->place;

		if (function->why)
			continue;
		patch__make(&installation->patches[installation->count++],
			    function->address + place->offset, place->end - place->offset,
			    function->code + place->offset, function->entry);
	}
}

struct installation *installation__new(pid_t pid, const struct plan *plan, const struct maps *maps,
				       uint64_t heap_rate)
{
	struct installation *installation = calloc(1, sizeof(*installation));
	int err;

	if (!installation)
		return NULL;
	installation->pid = pid;
	installation->fd = -1;
	installation->their_fd = -1;
	installation->address = plan->image.address;
	installation->text_bytes = STUB_TEXT_BYTES;
	installation->data_bytes = plan->image.bytes - STUB_TEXT_BYTES;
	installation->books = plan->image.books;
	installation->code_address = find_code_address(maps);
	make_patches(installation, plan);
	err = installation->code_address ? 0 : -ENOSPC;
	if (!err &&
	    getrandom(&installation->id, sizeof(installation->id), 0) != sizeof(installation->id))
		err = -EIO;
	if (!err)
		err = while_stopped(installation, map, &plan->image);
	if (!err)
		err = put_data(installation, &plan->image, heap_rate);
	if (!err)
		return installation;
	if (installation->mapped_bytes || installation->their_fd >= 0)
		installation__unmap(installation);
	installation__free(installation);
	errno = -err;
	return NULL;
}

void installation__free(struct installation *installation)
{
	if (!installation)
		return;
	if (installation->fd >= 0)
		close(installation->fd);
	free(installation);
}

int installation__fd(const struct installation *installation)
{
	return installation->fd;
}

int64_t installation__stopped_ns(const struct installation *installation)
{
	return installation->longest_ns;
}

struct mappings {
	struct room_range *items;
	size_t count;
};

/* Whether it is there: not where the process has executed another program since, which may have
 * something of its own at that address, nor where another exoprof has taken it for one that was
 * left. */
static bool is_there(const struct installation *installation)
{
	struct stub_table table = {};

	return !get(installation, installation->address + STUB_TABLE_AT, &table, sizeof(table)) &&
	       !memcmp(table.magic, STUB_MAGIC, sizeof(STUB_MAGIC)) &&
	       table.address == installation->address && table.id == installation->id;
}

static int apply(struct installation *installation, struct stopped *stopped, const void *context)
{
	const struct mappings *mappings = context;

	if (!is_there(installation))
		return -ESTALE;
	return patches__apply(stopped, installation->patches, installation->count, mappings->items,
			      mappings->count);
}

int installation__activate(struct installation *installation)
{
	struct mappings mappings = {};
	int err = room__read(installation->pid, &mappings.items, &mappings.count);

	if (!err)
		err = while_stopped(installation, apply, &mappings);
	free(mappings.items);
	return err;
}

static int undo(struct installation *installation, struct stopped *stopped, const void *context)
{
	(void)context;
	if (!is_there(installation))
		return -ESTALE;
	return patches__undo(stopped, installation->patches, installation->count);
}

int installation__deactivate(struct installation *installation)
{
	return while_stopped(installation, undo, NULL);
}

/* --- looking after it
 * ------------------------------------------------------------------------------- */

int installation__learn(const struct installation *installation)
{
	struct stub_record records[STUB_SLOTS_MAX];
	uint64_t address = installation->address + STUB_RECORDS_AT;
	int err = get(installation, address, records, sizeof(records));

	for (size_t i = 0; i < installation->count && !err; i++) {
		const struct stub_record *record = &records[i];
		uint8_t mode = record->nests || record->called < WIRE_HEAP_LEARNING_CALLS;

		if (mode != record->mode)
			err = put(installation, address + i * sizeof(*records) + STUB_RECORD_MODE,
				  &mode, sizeof(mode));
	}
	return err;
}

#define STRIPE_WORDS (STUB_STRIPE_BYTES / sizeof(uint64_t))

static int count(const struct installation *installation, struct stub_counts *counts)
{
	size_t size = (size_t)STUB_STRIPES * STUB_STRIPE_BYTES;
	uint64_t *stripes = malloc(size);
	int err = stripes ? get(installation, installation->books + STUB_STRIPES_AT, stripes, size)
			  : -ENOMEM;

	*counts = (struct stub_counts){};
	for (size_t i = 0; i < STUB_STRIPES && !err; i++) {
		const uint64_t *stripe = stripes + i * STRIPE_WORDS;

		counts->calls += stripe[STUB_CALLS / sizeof(*stripe)];
		counts->sampled += stripe[STUB_SAMPLED / sizeof(*stripe)];
		counts->nested += stripe[STUB_NESTED / sizeof(*stripe)];
		counts->too_large += stripe[STUB_TOO_LARGE / sizeof(*stripe)];
		counts->too_large_bytes += stripe[STUB_TOO_LARGE_BYTES / sizeof(*stripe)];
	}
	free(stripes);
	return err;
}

int installation__tend(const struct installation *installation, uint64_t safe_size,
		       struct stub_counts *counts)
{
	int err = put(installation, installation->books + STUB_GLOBALS_AT + STUB_SAFE_SIZE,
		      &safe_size, sizeof(safe_size));

	return err ? err : count(installation, counts);
}

uint64_t installation__books(const struct installation *installation)
{
	return installation->books;
}

bool installation__has_books(const struct installation *installation)
{
	return has_books(installation);
}

static bool has_jump(const struct installation *installation, const struct patch *patch)
{
	unsigned char code[HOOK_JUMP_BYTES];

	/* What cannot be read has gone altogether. */
	return get(installation, patch->address, code, sizeof(code)) ||
	       !memcmp(code, patch->jump, sizeof(code));
}

bool installation__is_active(const struct installation *installation)
{
	for (size_t i = 0; i < installation->count; i++) {
		if (!has_jump(installation, &installation->patches[i]))
			return false;
	}
	return true;
}

/* --- leaving
 * --------------------------------------------------------------------------------------- */

/* Calls that a function's copy has been made for. The stack that one is on is not always the one
 * that its thread is on: a signal's handler may have its own. */
static bool has_calls(const struct installation *installation)
{
	struct stub_record records[STUB_SLOTS_MAX] = {};
	uint8_t is_own = 0;

	/* A child has the count of calls that its parent's other threads made. */
	if (get(installation, installation->books + STUB_GLOBALS_AT + STUB_PROBED, &is_own,
		sizeof(is_own)) ||
	    !is_own)
		return false;
	if (get(installation, installation->address + STUB_RECORDS_AT, records, sizeof(records)))
		return false; /* not mapped yet */
	for (size_t i = 0; i < installation->count; i++) {
		if (records[i].inside)
			return true;
	}
	return false;
}

static int unmap(struct installation *installation, struct stopped *stopped, const void *context)
{
	uint64_t end = installation->address + installation->text_bytes;
	const struct mappings *mappings = context;
	struct remote *remote;
	int err, end_err;

	if (installation->has_text && !is_there(installation))
		return -ESTALE;
	if (installation->mapped_bytes && has_calls(installation))
		return -EAGAIN;
	if (installation->mapped_bytes &&
	    stopped__is_in(stopped, installation->address, end, mappings->items, mappings->count))
		return -EAGAIN;
	remote = remote__new(stopped, installation->code_address);
	if (!remote)
		return -errno;
	err = clear_by(installation, remote);
	end_err = remote__free(remote);
	return err ? err : end_err;
}

int installation__unmap(struct installation *installation)
{
	struct mappings mappings = {};
	int err = room__read(installation->pid, &mappings.items, &mappings.count);

	if (!err)
		err = while_stopped(installation, unmap, &mappings);
	free(mappings.items);
	return err;
}

/* --- what others have left
 * -------------------------------------------------------------------------- */

/* It is what the process says: its own memory may come to harm by it, and nobody else's. */
static bool is_plausible(const struct stub_table *table, const struct mapping *mapping)
{
	return !memcmp(table->magic, STUB_MAGIC, sizeof(STUB_MAGIC)) &&
	       table->address == mapping->start && table->count <= STUB_SLOTS_MAX &&
	       table->bytes >= STUB_TEXT_BYTES &&
	       table->bytes <= STUB_OWN_BYTES + STUB_BUCKETS_AT +
				       ((uint64_t)STUB_BUCKET_BYTES << STUB_BUCKET_BITS_MAX);
}

/* The kernel takes a probe's instruction away when nobody has it open any more. */
static int probed(const struct installation *installation)
{
	static const unsigned char nop[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
	unsigned char code[sizeof(nop)];
	uint64_t address = installation->address + stub_image__probe(STUB_PROBE_ENTRY);
	int err = get(installation, address, code, sizeof(code));

	return err ? err : memcmp(code, nop, sizeof(nop)) != 0;
}

static int adopt(struct installation *installation, const struct mapping *mapping, bool also_probed)
{
	struct stub_table table = {};
	int err;

	installation->address = mapping->start;
	installation->text_bytes = STUB_TEXT_BYTES;
	err = get(installation, mapping->start + STUB_TABLE_AT, &table, sizeof(table));
	if (err)
		return err;
	if (!is_plausible(&table, mapping))
		return -EBADMSG;
	err = also_probed ? 0 : probed(installation);
	if (err)
		return err < 0 ? err : -EBUSY;
	installation->mapped_bytes = table.bytes;
	installation->data_bytes = table.bytes - STUB_TEXT_BYTES;
	installation->books = table.books;
	installation->id = table.id;
	installation->has_text = true;
	for (uint32_t i = 0; i < table.count; i++) {
		const struct stub_jump *jump = &table.jumps[i];

		patch__make(&installation->patches[installation->count++], jump->address,
			    jump->covered, jump->former, table.address + jump->entry);
	}
	return installation->code_address ? 0 : -ENOSPC;
}

struct installation *installation__find(pid_t pid, const struct maps *maps,
					const struct mapping *mapping, bool also_probed)
{
	struct installation *installation = calloc(1, sizeof(*installation));
	int err;

	if (!installation)
		return NULL;
	*installation = (struct installation){.pid = pid, .fd = -1, .their_fd = -1};
	installation->code_address = find_code_address(maps);
	err = adopt(installation, mapping, also_probed);
	if (!err)
		return installation;
	free(installation);
	errno = -err;
	return NULL;
}
