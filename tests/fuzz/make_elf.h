/* SPDX-License-Identifier: Apache-2.0 */
/* Writes small ELF files with hand-assembled call-frame information, for tests and seeds. */
#ifndef EXOPROF_MAKE_ELF_H
#define EXOPROF_MAKE_ELF_H

#include <dwarf.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct bytes {
	uint8_t *data;
	size_t size, capacity;
};

static inline void put(struct bytes *bytes, const void *data, size_t size)
{
	if (bytes->size + size > bytes->capacity) {
		bytes->capacity = 2 * (bytes->size + size);
		bytes->data = realloc(bytes->data, bytes->capacity);
		if (!bytes->data)
			abort();
	}
	if (size)
		memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
}

static inline void bytes__release(struct bytes *bytes)
{
	free(bytes->data);
	memset(bytes, 0, sizeof(*bytes));
}

/* Little-endian, as the machine is. */
static inline void put_number(struct bytes *bytes, uint64_t value, size_t size)
{
	put(bytes, &value, size);
}

static inline void put_uleb(struct bytes *bytes, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_number(bytes, value | 0x80, 1);
	put_number(bytes, value, 1);
}

static inline void put_sleb(struct bytes *bytes, int64_t value)
{
	for (; value < -0x40 || value >= 0x40; value >>= 7)
		put_number(bytes, (value & 0x7f) | 0x80, 1);
	put_number(bytes, value & 0x7f, 1);
}

/* A section of call-frame information that grows entry by entry. */
struct frames {
	struct bytes bytes;
	uint64_t vaddr;
	bool is_debug_frame;
	uint8_t encoding; /* of the functions' addresses, for the CIEs and FDEs to come */
	size_t cie;       /* where the last one begins */
	size_t entry;     /* where the open one begins */
};

static inline void begin_entry(struct frames *frames)
{
	frames->entry = frames->bytes.size;
	put_number(&frames->bytes, 0, 4);
}

static inline void end_entry(struct frames *frames)
{
	uint32_t length;

	while (frames->bytes.size % 8)
		put_number(&frames->bytes, DW_CFA_nop, 1);
	length = frames->bytes.size - frames->entry - 4;
	memcpy(frames->bytes.data + frames->entry, &length, 4);
}

/* A CIE up to its instructions. The augmentation's data is put as it is. */
static inline void begin_cie(struct frames *frames, const char *augmentation, const void *data,
			     size_t size)
{
	struct bytes *bytes = &frames->bytes;

	begin_entry(frames);
	frames->cie = frames->entry;
	put_number(bytes, frames->is_debug_frame ? 0xffffffff : 0, 4);
	put_number(bytes, 1, 1);
	put(bytes, augmentation, strlen(augmentation) + 1);
	put_uleb(bytes, 1);
	put_sleb(bytes, -8);
	put_number(bytes, 16, 1);
	if (*augmentation == 'z')
		put_uleb(bytes, size);
	put(bytes, data, size);
}

/* The state on a function's entry: CFA = rsp + 8, return address at CFA - 8. */
#define ON_ENTRY DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1

static inline void put_on_entry(struct frames *frames)
{
	put(&frames->bytes, (const uint8_t[]){ON_ENTRY}, 5);
}

/* The CIE that compilers write. */
static inline void add_cie(struct frames *frames)
{
	if (frames->is_debug_frame)
		begin_cie(frames, "", NULL, 0);
	else
		begin_cie(frames, "zR", &frames->encoding, 1);
	put_on_entry(frames);
	end_entry(frames);
}

static inline void put_encoded(struct frames *frames, uint64_t value, uint8_t encoding)
{
	static const uint8_t sizes[] = {8, 0, 2, 4, 8, 0, 0, 0};

	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		value -= frames->vaddr + frames->bytes.size;
	if ((encoding & 0x0f) == DW_EH_PE_uleb128)
		put_uleb(&frames->bytes, value);
	else if ((encoding & 0x0f) == DW_EH_PE_sleb128)
		put_sleb(&frames->bytes, (int64_t)value);
	else
		put_number(&frames->bytes, value, sizes[encoding & 7]);
}

/* An FDE of the last CIE, up to its augmentation data. */
static inline void begin_fde(struct frames *frames, uint64_t start, uint64_t length)
{
	begin_entry(frames);
	put_number(&frames->bytes,
		   frames->is_debug_frame ? frames->cie : frames->bytes.size - frames->cie, 4);
	put_encoded(frames, start, frames->encoding);
	put_encoded(frames, length, frames->encoding & 0x0f);
}

static inline void add_fde(struct frames *frames, uint64_t start, uint64_t length,
			   const void *program, size_t size)
{
	begin_fde(frames, start, length);
	if (!frames->is_debug_frame)
		put_uleb(&frames->bytes, 0);
	put(&frames->bytes, program, size);
	end_entry(frames);
}

/* add_function(&frames, 0x1000, 0x100, DW_CFA_advance_loc | 1, ...) */
#define PROGRAM(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define add_function(frames, start, length, ...) \
	add_fde((frames), (start), (length), PROGRAM(__VA_ARGS__))

struct elf_section {
	const char *name;
	const struct bytes *bytes;
	uint64_t vaddr;
	uint64_t flags;
	uint32_t type; /* 0: SHT_PROGBITS */
};

#define ELF_SECTIONS_MAX 8

/* The names follow the sections' bytes, and the section headers them. */
static inline struct bytes make_elf(const struct elf_section *sections, size_t count)
{
	Elf64_Shdr shdrs[ELF_SECTIONS_MAX + 2] = {};
	Elf64_Shdr *names_shdr = &shdrs[count + 1];
	struct bytes elf = {}, names = {};
	Elf64_Ehdr ehdr = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = count + 2,
		.e_shstrndx = count + 1,
	};

	if (count > ELF_SECTIONS_MAX)
		abort();
	put(&elf, &ehdr, sizeof(ehdr));
	put_number(&names, 0, 1);
	for (size_t i = 0; i < count; i++) {
		shdrs[i + 1] = (Elf64_Shdr){
			.sh_name = names.size,
			.sh_type = sections[i].type ? sections[i].type : SHT_PROGBITS,
			.sh_flags = sections[i].flags,
			.sh_addr = sections[i].vaddr,
			.sh_offset = elf.size,
			.sh_size = sections[i].bytes->size,
			.sh_addralign = 8,
		};
		put(&names, sections[i].name, strlen(sections[i].name) + 1);
		put(&elf, sections[i].bytes->data, sections[i].bytes->size);
	}
	*names_shdr = (Elf64_Shdr){
		.sh_name = names.size,
		.sh_type = SHT_STRTAB,
		.sh_offset = elf.size,
		.sh_addralign = 1,
	};
	put(&names, ".shstrtab", sizeof(".shstrtab"));
	names_shdr->sh_size = names.size;
	put(&elf, names.data, names.size);
	put(&elf, (const uint8_t[8]){}, -elf.size & 7);
	ehdr.e_shoff = elf.size;
	memcpy(elf.data, &ehdr, sizeof(ehdr));
	put(&elf, shdrs, (count + 2) * sizeof(*shdrs));
	bytes__release(&names);
	return elf;
}

/* A file of one section. */
static inline struct bytes elf_of(const struct frames *frames)
{
	struct elf_section section = {
		.name = frames->is_debug_frame ? ".debug_frame" : ".eh_frame",
		.bytes = &frames->bytes,
		.vaddr = frames->vaddr,
		.flags = frames->is_debug_frame ? 0 : SHF_ALLOC,
	};

	return make_elf(&section, 1);
}

/* A file in memory; the caller closes it. */
static inline int file_of(const void *data, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	return fd;
}

#endif
