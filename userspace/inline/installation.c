// SPDX-License-Identifier: Apache-2.0
#include "inline/installation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <math.h>
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

/* What the mapping is called in /proc/PID/maps, as "/memfd:exoprof-inline (deleted)". */
#define MEMFD_NAME    "exoprof-inline"

struct installation {
	pid_t pid;
	uint64_t address, text_bytes, data_bytes;
	uint64_t mapped_bytes; /* of these, so far */
	uint64_t code_address; /* for remote calls */
	int fd;
	int64_t their_fd; /* the same, as long as the process has it open; else < 0 */
	struct patch patches[STUB_SLOTS_MAX];
	size_t count;
	bool is_active;
	int64_t longest_ns;
};

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
	uint64_t name = remote__put(remote, MEMFD_NAME, sizeof(MEMFD_NAME));
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
static int write_text(int fd, const struct stub_image *image)
{
	if (pwrite(fd, image->text, sizeof(image->text), 0) != sizeof(image->text))
		return -EIO;
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
		       ? -errno
		       : 0;
}

static int64_t map_text(const struct installation *installation, struct remote *remote)
{
	return call(remote, SYS_mmap, installation->address, installation->text_bytes,
		    PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
		    installation->their_fd, 0);
}

static int64_t map_data(const struct installation *installation, struct remote *remote)
{
	return call(remote, SYS_mmap, installation->address + installation->text_bytes,
		    installation->data_bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
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
			got = write_text(installation->fd, image);
	}
	if (got >= 0 && !installation->mapped_bytes) {
		got = map_text(installation, remote);
		if (got >= 0)
			installation->mapped_bytes = installation->text_bytes;
	}
	if (got >= 0 && installation->mapped_bytes == installation->text_bytes) {
		got = map_data(installation, remote);
		if (got >= 0)
			installation->mapped_bytes += installation->data_bytes;
	}
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

static int put(const struct installation *installation, uint64_t at, const void *bytes, size_t size)
{
	struct iovec here = {(void *)bytes, size};
	struct iovec there = {(void *)(installation->address + at), size};
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
	return put(installation, STUB_GAPS_AT, gaps, sizeof(gaps));
}

static int put_data(const struct installation *installation, const struct stub_image *image,
		    uint64_t rate)
{
	uint64_t increment, globals[2] = {};
	int err;

	if (getrandom(&increment, sizeof(increment), 0) != sizeof(increment))
		return -EIO;
	globals[STUB_INCREMENT / sizeof(*globals)] = increment | 1;
	err = put(installation, STUB_GLOBALS_AT, globals, sizeof(globals));
	if (!err)
		err = put(installation, STUB_RECORDS_AT, image->records, sizeof(image->records));
	return err ? err : put_gaps(installation, rate);
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
	installation->data_bytes = stub_image__data_bytes(&plan->image);
	installation->code_address = find_code_address(maps);
	make_patches(installation, plan);
	err = installation->code_address ? while_stopped(installation, map, &plan->image) : -ENOSPC;
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

static int apply(struct installation *installation, struct stopped *stopped, const void *context)
{
	const struct mappings *mappings = context;

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
	installation->is_active = !err;
	return err;
}

static int undo(struct installation *installation, struct stopped *stopped, const void *context)
{
	(void)context;
	return patches__undo(stopped, installation->patches, installation->count);
}

int installation__deactivate(struct installation *installation)
{
	int err = while_stopped(installation, undo, NULL);

	installation->is_active = err != 0;
	return err;
}

static int unmap(struct installation *installation, struct stopped *stopped, const void *context)
{
	uint64_t end = installation->address + installation->text_bytes;
	const struct mappings *mappings = context;
	struct remote *remote;
	int err, end_err;

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
