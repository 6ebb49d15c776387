// SPDX-License-Identifier: Apache-2.0
#include "target/linker.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"

/* Linux 6 gives some 20 auxiliary entries; a program has about 13 headers and 30 dynamic entries.
 */
#define AUXV_MAX    64
#define HEADERS_MAX 64
#define DYNAMIC_MAX 512
#define OBJECTS_MAX 16384

/* The public part of both, which glibc and musl lay out alike. */
_Static_assert(sizeof(struct r_debug) == 40, "layout of the target");
_Static_assert(sizeof(struct link_map) == 40, "layout of the target");

static int read_at(const struct linker_memory *memory, uint64_t address, void *buffer, size_t size)
{
	return memory->read(memory->context, address, buffer, size);
}

static const Elf64_Phdr *find_header(const Elf64_Phdr *headers, size_t count, uint32_t type)
{
	for (size_t i = 0; i < count; i++) {
		if (headers[i].p_type == type)
			return &headers[i];
	}
	return NULL;
}

static int find_dynamic(const struct linker_memory *memory, const struct linker_program *program,
			uint64_t *address)
{
	Elf64_Phdr headers[HEADERS_MAX];
	const Elf64_Phdr *self, *dynamic;
	uint64_t bias = 0;
	int err;

	/* The kernel executes nothing whose headers have another size (fs/binfmt_elf.c). */
	if (program->phent != sizeof(*headers) || program->phnum > HEADERS_MAX)
		return -EBADMSG;
	err = read_at(memory, program->phdr, headers, program->phnum * sizeof(*headers));
	if (err)
		return err;
	dynamic = find_header(headers, program->phnum, PT_DYNAMIC);
	if (!dynamic || !find_header(headers, program->phnum, PT_INTERP))
		return -ENOENT;
	/* Without PT_PHDR the bias is 0 for the linkers, too. */
	self = find_header(headers, program->phnum, PT_PHDR);
	if (self)
		bias = program->phdr - self->p_vaddr;
	*address = bias + dynamic->p_vaddr;
	return 0;
}

static int find_debug(const struct linker_memory *memory, uint64_t dynamic, uint64_t *address)
{
	Elf64_Dyn entry;
	int err;

	for (size_t i = 0; i < DYNAMIC_MAX; i++) {
		err = read_at(memory, dynamic + i * sizeof(entry), &entry, sizeof(entry));
		if (err)
			return err;
		if (entry.d_tag == DT_NULL)
			return -ENOENT;
		if (entry.d_tag == DT_DEBUG) {
			*address = entry.d_un.d_ptr;
			return *address ? 0 : -ENOENT;
		}
	}
	return -EBADMSG;
}

static int read_list(const struct linker_memory *memory, uint64_t debug_address,
		     struct linker_order *order)
{
	uint64_t address, previous = 0;
	struct link_map object;
	struct r_debug debug;
	size_t capacity = 0;
	int err;

	err = read_at(memory, debug_address, &debug, sizeof(debug));
	if (err)
		return err;
	address = (uintptr_t)debug.r_map;
	if (!address)
		return -ENOENT;
	while (address) {
		if (order->count == OBJECTS_MAX)
			return -EBADMSG;
		err = read_at(memory, address, &object, sizeof(object));
		if (err)
			return err;
		/* An object that does not lead back to where we come from closes a cycle, or has
		 * been unloaded under our hands. */
		if ((uintptr_t)object.l_prev != previous)
			return -EBADMSG;
		err = array_append(&order->biases, &order->count, &capacity, object.l_addr);
		if (err)
			return err;
		previous = address;
		address = (uintptr_t)object.l_next;
	}
	return 0;
}

int linker__walk(const struct linker_memory *memory, const struct linker_program *program,
		 struct linker_order *order)
{
	uint64_t dynamic, debug;
	int err;

	*order = (struct linker_order){};
	err = find_dynamic(memory, program, &dynamic);
	if (!err)
		err = find_debug(memory, dynamic, &debug);
	if (!err)
		err = read_list(memory, debug, order);
	if (err)
		linker__release(order);
	return err;
}

int linker__program(const Elf64_auxv_t *entries, size_t count, struct linker_program *program)
{
	*program = (struct linker_program){};
	for (size_t i = 0; i < count; i++) {
		switch (entries[i].a_type) {
		case AT_PHDR:
			program->phdr = entries[i].a_un.a_val;
			break;
		case AT_PHNUM:
			program->phnum = entries[i].a_un.a_val;
			break;
		case AT_PHENT:
			program->phent = entries[i].a_un.a_val;
			break;
		case AT_NULL:
			return program->phdr && program->phnum && program->phent ? 0 : -EBADMSG;
		}
	}
	return -EBADMSG;
}

static int open_proc(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

static int read_program(pid_t pid, struct linker_program *program)
{
	Elf64_auxv_t entries[AUXV_MAX];
	int fd = open_proc(pid, "auxv");
	ssize_t size;

	if (fd < 0)
		return fd;
	size = read(fd, entries, sizeof(entries));
	if (size < 0)
		size = -errno;
	close(fd);
	if (size < 0)
		return size;
	/* Not every kernel refuses to open it once the process has exited. */
	if (!size)
		return -ESRCH;
	return linker__program(entries, size / sizeof(*entries), program);
}

static int read_process(void *context, uint64_t address, void *buffer, size_t size)
{
	const int *fd = context;
	ssize_t got;

	if (address > INT64_MAX)
		return -EBADMSG;
	got = pread(*fd, buffer, size, address);
	if (got < 0)
		return errno == EIO ? -EBADMSG : -errno;
	/* Nothing is there once the process has exited; less where a mapping ends. */
	if (!got)
		return -ESRCH;
	return got == (ssize_t)size ? 0 : -EBADMSG;
}

int linker__order(pid_t pid, struct linker_order *order)
{
	struct linker_program program;
	struct linker_memory memory = {.read = read_process};
	int fd, err;

	*order = (struct linker_order){};
	err = read_program(pid, &program);
	if (err)
		return err;
	fd = open_proc(pid, "mem");
	if (fd < 0)
		return fd;
	memory.context = &fd;
	err = linker__walk(&memory, &program, order);
	close(fd);
	return err;
}

void linker__release(struct linker_order *order)
{
	free(order->biases);
	*order = (struct linker_order){};
}

size_t linker__rank(const struct linker_order *order, uint64_t bias)
{
	for (size_t i = 0; i < order->count; i++) {
		if (order->biases[i] == bias)
			return i;
	}
	return SIZE_MAX;
}
