// SPDX-License-Identifier: Apache-2.0
#include "target/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <elfutils/libdwelf.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Real files have up to about ten; a build ID is 20 bytes, 64 at the very most. */
#define SEGMENTS_MAX     64
#define BUILD_ID_MAX     64

/* Chromium's symbol table, with all its local symbols, is some 60 MiB, and so are their names. */
#define SYMBOLS_SIZE_MAX (256 << 20)

/* Notes that describe a program's static probes take some 100 KiB. */
#define NOTES_SIZE_MAX   (16 << 20)

/* The smallest page of x86-64. */
#define PAGE_MASK        4095ULL

struct segment {
	uint64_t offset, vaddr, size;
	bool executable;
};

struct elf_file {
	atomic_uint refs;
	int fd;
	struct file_stamp stamp; /* all 0: unknown */
	struct root *root;       /* NULL: unknown */
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

/* libelf reads all of a section at once, into memory. */
static bool has_small_notes(Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	while ((section = elf_nextscn(elf, section))) {
		if (gelf_getshdr(section, &shdr) && shdr.sh_type == SHT_NOTE &&
		    shdr.sh_size > NOTES_SIZE_MAX)
			return false;
	}
	return true;
}

static void read_build_id(struct elf_file *file, Elf *elf)
{
	const void *bytes;
	ssize_t size = has_small_notes(elf) ? dwelf_elf_gnu_build_id(elf, &bytes) : 0;

	if (size <= 0 || size > BUILD_ID_MAX)
		return;
	for (ssize_t i = 0; i < size; i++)
		sprintf(file->build_id + 2 * i, "%02x", ((const unsigned char *)bytes)[i]);
}

static int64_t nanoseconds(const struct statx_timestamp *time)
{
	return time->tv_sec * 1000000000LL + time->tv_nsec;
}

static int read_stamp(int fd, int flags, struct file_stamp *stamp)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | flags, STATX_BASIC_STATS, &st))
		return -errno;
	*stamp = (struct file_stamp){
		.device = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
		.size = st.stx_size,
		.mtime_ns = nanoseconds(&st.stx_mtime),
		.ctime_ns = nanoseconds(&st.stx_ctime),
	};
	return 0;
}

int file_stamp__read(int fd, struct file_stamp *stamp)
{
	return read_stamp(fd, AT_STATX_SYNC_AS_STAT, stamp);
}

int file_stamp__known(int fd, struct file_stamp *stamp)
{
	return read_stamp(fd, AT_STATX_DONT_SYNC, stamp);
}

/* Where e_shnum is 0, libelf makes room for as many sections as the file says it has, up to 2^32,
 * of 208 bytes each. Only a relocatable file has so many that they do not fit into e_shnum. */
static Elf *open_elf(int fd)
{
	Elf64_Ehdr ehdr;

	if (pread(fd, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr) ||
	    memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    (!ehdr.e_shnum && ehdr.e_shoff))
		return NULL;
	return elf_begin(fd, ELF_C_READ, NULL);
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
	file_stamp__read(fd, &file->stamp);
	file->name = strdup(name);
	if (!file->name) {
		elf_file__put(file);
		return NULL;
	}
	elf_version(EV_CURRENT);
	elf = open_elf(fd);
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
	root__put(file->root);
	free(file->name);
	free(file);
}

bool elf_file__is_shared(const struct elf_file *file)
{
	return atomic_load(&file->refs) > 1;
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

void elf_file__set_root(struct elf_file *file, struct root *root)
{
	file->root = root ? root__get(root) : NULL;
}

const struct root *elf_file__root(const struct elf_file *file)
{
	return file->root;
}

const struct file_stamp *elf_file__stamp(const struct elf_file *file)
{
	return &file->stamp;
}

bool elf_file__is_same(const struct elf_file *a, const struct elf_file *b)
{
	return a == b || (a->stamp.inode && a->stamp.inode == b->stamp.inode &&
			  a->stamp.device == b->stamp.device);
}

bool elf_file__is_at(const struct elf_file *file, const char *path)
{
	struct stat st;

	return file->stamp.inode && !stat(path, &st) && st.st_ino == file->stamp.inode &&
	       st.st_dev == file->stamp.device;
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

bool elf_file__code_end(const struct elf_file *file, uint64_t file_offset, uint64_t *end)
{
	for (unsigned int i = 0; i < file->segment_count; i++) {
		const struct segment *segment = &file->segments[i];

		if (segment->executable && file_offset >= (segment->offset & ~PAGE_MASK) &&
		    file_offset < segment->offset + segment->size) {
			*end = segment->offset + segment->size;
			return true;
		}
	}
	return false;
}

/* Of code: what a function's symbol says may lead anywhere. */
static bool code_offset(const struct elf_file *file, uint64_t vaddr, uint64_t *file_offset)
{
	for (unsigned int i = 0; i < file->segment_count; i++) {
		const struct segment *segment = &file->segments[i];

		if (segment->executable && vaddr >= segment->vaddr &&
		    vaddr - segment->vaddr < segment->size) {
			*file_offset = segment->offset + (vaddr - segment->vaddr);
			return true;
		}
	}
	return false;
}

struct function_search {
	const struct elf_file *file;
	Elf *elf;
	void (*each)(void *context, const struct elf_function *function);
	void *context;
};

/* An indirect function's symbol leads to what chooses it, not to the function. */
static void give_functions(const struct function_search *search, Elf_Scn *section,
			   const GElf_Shdr *shdr)
{
	Elf_Data *data = elf_getdata(section, NULL);
	struct elf_function function = {.is_exported = shdr->sh_type == SHT_DYNSYM};
	GElf_Sym sym;

	for (int i = 0; data && gelf_getsym(data, i, &sym); i++) {
		if (sym.st_shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) != STT_FUNC)
			continue;
		function.size = sym.st_size;
		function.name = elf_strptr(search->elf, shdr->sh_link, sym.st_name);
		if (function.name && code_offset(search->file, sym.st_value, &function.file_offset))
			search->each(search->context, &function);
	}
}

/* Strings that end: libelf looks for the end of each otherwise, from the back. */
static bool has_names(Elf *elf, size_t link)
{
	Elf_Scn *section = elf_getscn(elf, link);
	const char *bytes;
	GElf_Shdr shdr;
	Elf_Data *data;

	if (!section || !gelf_getshdr(section, &shdr) || shdr.sh_type != SHT_STRTAB ||
	    shdr.sh_size > SYMBOLS_SIZE_MAX)
		return false;
	data = elf_getdata(section, NULL);
	bytes = data ? data->d_buf : NULL;
	return bytes && data->d_size && !bytes[data->d_size - 1];
}

/* A file has one of each type; what has more of them is up to something. */
static void search_section(const struct function_search *search, uint32_t type)
{
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	while ((section = elf_nextscn(search->elf, section))) {
		if (!gelf_getshdr(section, &shdr) || shdr.sh_type != type)
			continue;
		if (shdr.sh_size <= SYMBOLS_SIZE_MAX && has_names(search->elf, shdr.sh_link))
			give_functions(search, section, &shdr);
		return;
	}
}

/* Other code is not decoded, nor are its calls' arguments known. */
static bool is_x86_64(Elf *elf)
{
	GElf_Ehdr header;

	return gelf_getehdr(elf, &header) && header.e_ident[EI_CLASS] == ELFCLASS64 &&
	       header.e_machine == EM_X86_64;
}

int elf_file__each_function(const struct elf_file *file,
			    void (*each)(void *context, const struct elf_function *function),
			    void *context)
{
	struct function_search search = {.file = file, .each = each, .context = context};

	if (!file->segment_count)
		return 0;
	search.elf = open_elf(file->fd);
	if (!search.elf)
		return -EBADMSG;
	if (is_x86_64(search.elf)) {
		search_section(&search, SHT_DYNSYM);
		search_section(&search, SHT_SYMTAB);
	}
	elf_end(search.elf);
	return 0;
}

size_t elf_file__read(const struct elf_file *file, uint64_t file_offset, void *buffer, size_t size)
{
	ssize_t got = pread(file->fd, buffer, size, file_offset);

	return got < 0 ? 0 : got;
}
