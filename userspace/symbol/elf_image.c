// SPDX-License-Identifier: Apache-2.0
#include "symbol/elf_image.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unwind/elf_section.h"

/* What a file's compressed sections may take in memory: they stay there while it is open.
 * Chromium's DWARF, the largest around, is not shipped in a program, and not compressed. */
#define DECOMPRESSED_MAX (1ULL << 30)

struct elf_image {
	Elf *elf;
	int fd;
	void *bytes; /* NULL: it is a mapped file */
	uint64_t decompressed_bytes;
	size_t own_bytes; /* of `bytes` */
};

/* Before libelf sees it: where e_shnum is 0, libelf makes room for as many sections as the file
 * says it has, up to 2^32. */
static bool is_harmless(const Elf64_Ehdr *ehdr)
{
	return !memcmp(ehdr->e_ident, ELFMAG, SELFMAG) && ehdr->e_ident[EI_CLASS] == ELFCLASS64 &&
	       ehdr->e_ident[EI_DATA] == ELFDATA2LSB && ehdr->e_machine == EM_X86_64 &&
	       (ehdr->e_shnum || !ehdr->e_shoff);
}

/* Object files have no addresses. */
static bool has_addresses(const Elf64_Ehdr *ehdr)
{
	return ehdr->e_type == ET_EXEC || ehdr->e_type == ET_DYN;
}

/* What the section says it is when decompressed; 0 where it is not compressed. */
static uint64_t decompressed_size(Elf *elf, Elf_Scn *section, const GElf_Shdr *shdr, size_t names)
{
	const char *name;
	GElf_Chdr chdr;
	Elf_Data *data;
	uint64_t size;

	if (shdr->sh_flags & SHF_COMPRESSED)
		return gelf_getchdr(section, &chdr) ? chdr.ch_size : 0;
	name = elf_strptr(elf, names, shdr->sh_name);
	if (!name || strncmp(name, ".zdebug", 7))
		return 0;
	/* The older way: "ZLIB" and the size, its highest byte first. */
	data = elf_rawdata(section, NULL);
	if (!data || !data->d_buf || data->d_size < 12 || memcmp(data->d_buf, "ZLIB", 4))
		return 0;
	memcpy(&size, (const char *)data->d_buf + 4, sizeof(size));
	return be64toh(size);
}

static bool is_affordable(struct elf_image *image)
{
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;
	size_t names;

	if (elf_getshdrstrndx(image->elf, &names))
		return true;
	while ((section = elf_nextscn(image->elf, section))) {
		uint64_t size;

		if (!gelf_getshdr(section, &shdr) || shdr.sh_type == SHT_NOBITS)
			continue;
		size = decompressed_size(image->elf, section, &shdr, names);
		if (size > DECOMPRESSED_MAX - image->decompressed_bytes)
			return false;
		image->decompressed_bytes += size;
	}
	return true;
}

static struct elf_image *finish(struct elf_image *image)
{
	if (image->elf && elf_kind(image->elf) == ELF_K_ELF && is_affordable(image))
		return image;
	elf_image__close(image);
	errno = EBADMSG;
	return NULL;
}

static struct elf_image *open_file(int fd, bool takes_objects)
{
	struct elf_image *image = calloc(1, sizeof(*image));
	Elf64_Ehdr ehdr;

	if (!image) {
		close(fd);
		return NULL;
	}
	image->fd = fd;
	elf_version(EV_CURRENT);
	if (pread(fd, &ehdr, sizeof(ehdr), 0) == sizeof(ehdr) && is_harmless(&ehdr) &&
	    (takes_objects || has_addresses(&ehdr)))
		image->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	/* What cannot be mapped is read as a whole, at once: libelf 0.188 forgets the sections that
	 * it has read by themselves before. */
	if (image->elf)
		elf_rawfile(image->elf, NULL);
	return finish(image);
}

struct elf_image *elf_image__open(int fd)
{
	return open_file(fd, false);
}

struct elf_image *elf_image__open_part(int fd)
{
	struct elf_image *image = open_file(fd, true);
	GElf_Shdr shdr;

	if (!image || !elf_section__find(image->elf, ".gnu_debugaltlink", &shdr))
		return image;
	elf_image__close(image);
	errno = EBADMSG;
	return NULL;
}

bool elf_image__is_part(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct elf_image *image = copy < 0 ? NULL : elf_image__open_part(copy);

	elf_image__close(image);
	return image != NULL;
}

struct elf_image *elf_image__of_bytes(void *bytes, size_t size)
{
	struct elf_image *image = calloc(1, sizeof(*image));

	if (!image) {
		free(bytes);
		return NULL;
	}
	image->fd = -1;
	image->bytes = bytes;
	image->own_bytes = size;
	elf_version(EV_CURRENT);
	if (size >= sizeof(Elf64_Ehdr) && is_harmless(bytes) && has_addresses(bytes))
		image->elf = elf_memory(bytes, size);
	return finish(image);
}

void elf_image__close(struct elf_image *image)
{
	if (!image)
		return;
	elf_end(image->elf);
	if (image->fd >= 0)
		close(image->fd);
	free(image->bytes);
	free(image);
}

Elf *elf_image__elf(const struct elf_image *image)
{
	return image->elf;
}

int elf_image__fd(const struct elf_image *image)
{
	return image->fd;
}

Elf_Data *elf_image__section(const struct elf_image *image, const char *name, GElf_Shdr *shdr)
{
	Elf_Scn *section = elf_section__find(image->elf, name, shdr);
	Elf_Data *data;

	if (!section || shdr->sh_flags & SHF_COMPRESSED)
		return NULL;
	data = elf_rawdata(section, NULL);
	return data && data->d_buf && data->d_size ? data : NULL;
}

const char *elf_image__strings(const struct elf_image *image, size_t index, size_t *size)
{
	Elf_Scn *section = elf_getscn(image->elf, index);
	const char *bytes;
	GElf_Shdr shdr;
	Elf_Data *data;

	if (!section || !gelf_getshdr(section, &shdr) || shdr.sh_type != SHT_STRTAB ||
	    shdr.sh_flags & SHF_COMPRESSED)
		return NULL;
	data = elf_rawdata(section, NULL);
	if (!data || !data->d_buf || !data->d_size)
		return NULL;
	bytes = data->d_buf;
	*size = data->d_size;
	return bytes[data->d_size - 1] ? NULL : bytes;
}

bool elf_image__has_dwarf(const struct elf_image *image)
{
	GElf_Shdr shdr;

	return elf_section__find(image->elf, ".debug_info", &shdr) ||
	       elf_section__find(image->elf, ".zdebug_info", &shdr);
}

size_t elf_image__bytes(const struct elf_image *image)
{
	return image->decompressed_bytes + image->own_bytes;
}

void elf_image__forget_pages(struct elf_image *image)
{
	size_t size;
	char *start;

	if (image->bytes)
		return;
	/* libelf maps from the file's beginning, so that this is a page's. */
	start = elf_rawfile(image->elf, &size);
	if (start && (uintptr_t)start % getpagesize() == 0)
		madvise(start, size, MADV_DONTNEED);
}

/* Of this thread. In the program's own thread-local storage, where a signal handler may look. */
static __thread volatile sig_atomic_t reads;

void elf_image__begin_reads(void)
{
	reads++;
}

void elf_image__end_reads(void)
{
	reads--;
}

/* The code and data of exoprof and its libraries, which are mapped files as well. May be asked in a
 * signal handler (glibc's manual, "Finding Objects"). */
static bool is_loaded(void *address)
{
	struct dl_find_object object;

	return !_dl_find_object(address, &object);
}

static void read_zeros(int number, siginfo_t *info, void *context)
{
	uintptr_t page_size = getpagesize();
	uintptr_t page = (uintptr_t)info->si_addr & ~(page_size - 1);
	int saved = errno;

	(void)context;
	/* Anything else is what it always was: the end. */
	if (info->si_code != BUS_ADRERR || !reads || is_loaded(info->si_addr) ||
	    mmap((void *)page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		signal(number, SIG_DFL);
	errno = saved;
}

void elf_image__survive_truncation(void)
{
	struct sigaction action = {.sa_sigaction = read_zeros, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, NULL);
}
