// SPDX-License-Identifier: Apache-2.0
#include "target/elf_file.h"

#include <errno.h>
#include <gelf.h>
#include <elfutils/libdwelf.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Real files have up to about ten; a build ID is 20 bytes, 64 at the very most. */
#define SEGMENTS_MAX 64
#define BUILD_ID_MAX 64

/* The smallest page of x86-64. */
#define PAGE_MASK    4095ULL

struct segment {
	uint64_t offset, vaddr, size;
	bool executable;
};

struct elf_file {
	atomic_uint refs;
	int fd;
	char *name;
	char build_id[2 * BUILD_ID_MAX + 1];
	struct segment segments[SEGMENTS_MAX];
	unsigned int segment_count;
};

static void read_segments(struct elf_file *file, Elf *elf)
{
	GElf_Phdr phdr;
	size_t count;

	if (elf_getphdrnum(elf, &count))
		return;
	for (size_t i = 0; i < count && file->segment_count < SEGMENTS_MAX; i++) {
		if (!gelf_getphdr(elf, i, &phdr))
			return;
		if (phdr.p_type != PT_LOAD)
			continue;
		file->segments[file->segment_count++] = (struct segment){
			.offset = phdr.p_offset,
			.vaddr = phdr.p_vaddr,
			.size = phdr.p_filesz,
			.executable = phdr.p_flags & PF_X,
		};
	}
}

static void read_build_id(struct elf_file *file, Elf *elf)
{
	const void *bytes;
	ssize_t size = dwelf_elf_gnu_build_id(elf, &bytes);

	if (size <= 0 || size > BUILD_ID_MAX)
		return;
	for (ssize_t i = 0; i < size; i++)
		sprintf(file->build_id + 2 * i, "%02x", ((const unsigned char *)bytes)[i]);
}

struct elf_file *elf_file__open(int fd, const char *name)
{
	struct elf_file *file = calloc(1, sizeof(*file));
	Elf *elf;

	if (!file) {
		close(fd);
		return NULL;
	}
	file->refs = 1;
	file->fd = fd;
	file->name = strdup(name);
	if (!file->name) {
		elf_file__put(file);
		return NULL;
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF) {
		read_segments(file, elf);
		read_build_id(file, elf);
	}
	elf_end(elf);
	return file;
}

struct elf_file *elf_file__get(struct elf_file *file)
{
	atomic_fetch_add(&file->refs, 1);
	return file;
}

void elf_file__put(struct elf_file *file)
{
	if (!file || atomic_fetch_sub(&file->refs, 1) > 1)
		return;
	close(file->fd);
	free(file->name);
	free(file);
}

int elf_file__fd(const struct elf_file *file)
{
	return file->fd;
}

const char *elf_file__name(const struct elf_file *file)
{
	return file->name;
}

const char *elf_file__build_id(const struct elf_file *file)
{
	return file->build_id;
}

bool elf_file__vaddr(const struct elf_file *file, uint64_t file_offset, uint64_t *vaddr)
{
	for (unsigned int i = 0; i < file->segment_count; i++) {
		const struct segment *segment = &file->segments[i];

		if (file_offset >= segment->offset &&
		    file_offset - segment->offset < segment->size) {
			*vaddr = segment->vaddr + (file_offset - segment->offset);
			return true;
		}
	}
	return false;
}

bool elf_file__code_vaddr(const struct elf_file *file, uint64_t file_offset, uint64_t *vaddr)
{
	for (unsigned int i = 0; i < file->segment_count; i++) {
		const struct segment *segment = &file->segments[i];

		if (segment->executable && file_offset >= (segment->offset & ~PAGE_MASK) &&
		    file_offset < segment->offset + segment->size) {
			*vaddr = segment->vaddr - segment->offset + file_offset;
			return true;
		}
	}
	return false;
}

static bool offset_of(const struct elf_file *file, uint64_t vaddr, uint64_t *file_offset)
{
	for (unsigned int i = 0; i < file->segment_count; i++) {
		const struct segment *segment = &file->segments[i];

		if (vaddr >= segment->vaddr && vaddr - segment->vaddr < segment->size) {
			*file_offset = segment->offset + (vaddr - segment->vaddr);
			return true;
		}
	}
	return false;
}

/* The value of a defined function in one section of dynamic symbols. */
static bool find_in_section(Elf *elf, Elf_Scn *section, const char *name, uint64_t *vaddr)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Shdr shdr;
	GElf_Sym sym;
	const char *found;

	if (!data || !gelf_getshdr(section, &shdr))
		return false;
	for (int i = 0; gelf_getsym(data, i, &sym); i++) {
		if (sym.st_shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) != STT_FUNC)
			continue;
		found = elf_strptr(elf, shdr.sh_link, sym.st_name);
		if (found && !strcmp(found, name)) {
			*vaddr = sym.st_value;
			return true;
		}
	}
	return false;
}

static bool find_function(Elf *elf, const char *name, uint64_t *vaddr)
{
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	while ((section = elf_nextscn(elf, section))) {
		if (gelf_getshdr(section, &shdr) && shdr.sh_type == SHT_DYNSYM &&
		    find_in_section(elf, section, name, vaddr))
			return true;
	}
	return false;
}

int elf_file__function(const struct elf_file *file, const char *name, uint64_t *file_offset)
{
	uint64_t vaddr;
	Elf *elf;
	bool found;

	if (!file->segment_count)
		return -ENOENT;
	elf = elf_begin(file->fd, ELF_C_READ, NULL);
	if (!elf)
		return -EBADMSG;
	found = find_function(elf, name, &vaddr);
	elf_end(elf);
	if (!found)
		return -ENOENT;
	return offset_of(file, vaddr, file_offset) ? 0 : -EBADMSG;
}

size_t elf_file__read(const struct elf_file *file, uint64_t file_offset, void *buffer, size_t size)
{
	ssize_t got = pread(file->fd, buffer, size, file_offset);

	return got < 0 ? 0 : got;
}
