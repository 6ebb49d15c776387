// SPDX-License-Identifier: Apache-2.0
/* ELF files: a good one, libc, against what the loader made of it; and bad ones of many kinds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "function_offset.h"
#include "target/elf_file.h"

/* libc as it lies in this very process. */
struct loaded {
	char path[4096];
	uintptr_t bias;
	char build_id[256];
	ElfW(Phdr) code; /* the executable segment */
};

static void take_build_id(struct loaded *loaded, const ElfW(Phdr) * phdr)
{
	const char *at = (const char *)(loaded->bias + phdr->p_vaddr);
	const char *end = at + phdr->p_memsz;

	while (at + sizeof(ElfW(Nhdr)) <= end) {
		const ElfW(Nhdr) *note = (const void *)at;
		const unsigned char *bytes =
			(const void *)(at + sizeof(*note) + (note->n_namesz + 3) / 4 * 4);

		if (note->n_type == NT_GNU_BUILD_ID) {
			for (uint32_t i = 0; i < note->n_descsz; i++)
				sprintf(loaded->build_id + 2 * i, "%02x", bytes[i]);
		}
		at = (const char *)bytes + (note->n_descsz + 3) / 4 * 4;
	}
}

static int look_for_libc(struct dl_phdr_info *info, size_t size, void *context)
{
	struct loaded *loaded = context;

	(void)size;
	if (!strstr(info->dlpi_name, "/libc.so"))
		return 0;
	snprintf(loaded->path, sizeof(loaded->path), "%s", info->dlpi_name);
	loaded->bias = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		/* The note of .note.gnu.property has 8-byte alignment, and no build ID. */
		if (info->dlpi_phdr[i].p_type == PT_NOTE && info->dlpi_phdr[i].p_align == 4)
			take_build_id(loaded, &info->dlpi_phdr[i]);
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X)
			loaded->code = info->dlpi_phdr[i];
	}
	return 1;
}

static struct loaded find_libc(void)
{
	struct loaded loaded = {};

	assert_int_equal(dl_iterate_phdr(look_for_libc, &loaded), 1);
	return loaded;
}

static struct elf_file *open_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct elf_file *file;

	assert_true(fd >= 0);
	file = elf_file__open(fd, path);
	assert_non_null(file);
	assert_int_equal(elf_file__fd(file), fd);
	return file;
}

/* A file of these bytes that has no name. */
static struct elf_file *open_bytes(const void *bytes, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct elf_file *file;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	file = elf_file__open(fd, "made up");
	assert_non_null(file);
	return file;
}

static void *read_libc(size_t *size)
{
	struct loaded loaded = find_libc();
	int fd = open(loaded.path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *bytes;

	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc(st.st_size);
	assert_int_equal(read(fd, bytes, st.st_size), st.st_size);
	close(fd);
	*size = st.st_size;
	return bytes;
}

/* gnu_get_libc_version is not among what the sanitizers replace. */
static void a_functions_offset_leads_to_its_bytes(void **state)
{
	struct loaded loaded = find_libc();
	struct elf_file *file = open_path(loaded.path);
	unsigned char bytes[16];
	uint64_t offset, vaddr;

	(void)state;
	assert_int_equal(function_offset(file, "gnu_get_libc_version", &offset), 0);
	assert_int_equal(elf_file__read(file, offset, bytes, sizeof(bytes)), sizeof(bytes));
	assert_memory_equal(bytes, (const void *)gnu_get_libc_version, sizeof(bytes));
	assert_true(elf_file__vaddr(file, offset, &vaddr));
	assert_int_equal(loaded.bias + vaddr, (uintptr_t)gnu_get_libc_version);
	elf_file__put(file);
}

static void what_is_no_defined_function_is_not_found(void **state)
{
	struct elf_file *file = open_path(find_libc().path);
	uint64_t offset;

	(void)state;
	assert_int_equal(function_offset(file, "no_such_function", &offset), -ENOENT);
	assert_int_equal(function_offset(file, "", &offset), -ENOENT);
	/* Data, not a function; and a function, but libc only uses it. */
	assert_int_equal(function_offset(file, "stdout", &offset), -ENOENT);
	assert_int_equal(function_offset(file, "__tls_get_addr", &offset), -ENOENT);
	elf_file__put(file);
}

static void the_build_id_is_the_loaded_ones(void **state)
{
	struct loaded loaded = find_libc();
	struct elf_file *file = open_path(loaded.path);

	(void)state;
	assert_int_equal(strlen(loaded.build_id), 40);
	assert_string_equal(elf_file__build_id(file), loaded.build_id);
	elf_file__put(file);
}

static void an_offset_has_the_address_that_the_headers_give_it(void **state)
{
	struct loaded loaded = find_libc();
	struct elf_file *file = open_path(loaded.path);
	uint64_t first = loaded.code.p_offset, size = loaded.code.p_filesz, vaddr;

	(void)state;
	assert_true(size > 0);
	assert_true(elf_file__vaddr(file, first, &vaddr));
	assert_int_equal(vaddr, loaded.code.p_vaddr);
	assert_true(elf_file__vaddr(file, first + size - 1, &vaddr));
	assert_int_equal(vaddr, loaded.code.p_vaddr + size - 1);
	assert_false(elf_file__vaddr(file, UINT64_MAX, &vaddr));
	assert_false(elf_file__vaddr(file, 1ULL << 40, &vaddr));
	elf_file__put(file);
}

static void reading_stops_at_the_end(void **state)
{
	struct elf_file *file = open_bytes("0123456789", 10);
	char buffer[16];

	(void)state;
	assert_int_equal(elf_file__read(file, 0, buffer, 4), 4);
	assert_memory_equal(buffer, "0123", 4);
	assert_int_equal(elf_file__read(file, 8, buffer, sizeof(buffer)), 2);
	assert_memory_equal(buffer, "89", 2);
	assert_int_equal(elf_file__read(file, 10, buffer, sizeof(buffer)), 0);
	assert_int_equal(elf_file__read(file, UINT64_MAX, buffer, sizeof(buffer)), 0);
	elf_file__put(file);
}

static void the_name_is_a_copy(void **state)
{
	char name[] = "before";
	struct elf_file *file = elf_file__open(open("/dev/null", O_RDONLY | O_CLOEXEC), name);

	(void)state;
	strcpy(name, "after!");
	assert_string_equal(elf_file__name(file), "before");
	elf_file__put(file);
}

static void the_last_reference_closes_the_file(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct elf_file *file = elf_file__open(fd, "null");

	(void)state;
	assert_ptr_equal(elf_file__get(file), file);
	elf_file__put(file);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	elf_file__put(file);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	elf_file__put(NULL);
}

/* No crash, and nothing is made up. */
static void assert_says_nothing(struct elf_file *file)
{
	uint64_t number;

	assert_string_equal(elf_file__build_id(file), "");
	assert_false(elf_file__vaddr(file, 0, &number));
	assert_int_equal(function_offset(file, "malloc", &number), -ENOENT);
	elf_file__put(file);
}

static void what_is_not_elf_has_no_segments(void **state)
{
	(void)state;
	assert_says_nothing(open_bytes("", 0));
	assert_says_nothing(open_bytes("hello, world\n", 13));
	assert_says_nothing(open_bytes("!<arch>\nhello", 13));
	assert_says_nothing(open_bytes("\177ELF", 4));
	assert_says_nothing(elf_file__open(open("/", O_RDONLY | O_CLOEXEC), "a folder"));
}

/* libelf would make room for them all: 800 MiB. */
static void sections_that_the_header_does_not_count_are_not_read(void **state)
{
	struct {
		Elf64_Ehdr ehdr;
		Elf64_Phdr phdr;
		Elf64_Shdr shdr;
	} bytes = {
		.ehdr =
			{
                               .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
					    EV_CURRENT},
                               .e_type = ET_DYN,
                               .e_machine = EM_X86_64,
                               .e_version = EV_CURRENT,
                               .e_ehsize = sizeof(Elf64_Ehdr),
                               .e_phoff = sizeof(Elf64_Ehdr),
                               .e_phentsize = sizeof(Elf64_Phdr),
                               .e_phnum = 1,
                               .e_shoff = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
                               .e_shentsize = sizeof(Elf64_Shdr),
			       },
		.phdr = {.p_type = PT_LOAD,         .p_flags = PF_X, .p_filesz = 4096},
		.shdr = {.sh_size = 1 << 22},
	};
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, &bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(ftruncate(fd, 1 << 29), 0);
	assert_says_nothing(elf_file__open(fd, "made up"));
}

static void garbage_behind_the_magic_is_harmless(void **state)
{
	unsigned char bytes[4096];
	uint64_t seed = 1, number;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct elf_file *file;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (seed = seed * 6364136223846793005 + 1) >> 56;
		memcpy(bytes, ELFMAG, SELFMAG);
		/* Half of them get past the first check. */
		if (round % 2) {
			bytes[EI_CLASS] = ELFCLASS64;
			bytes[EI_DATA] = ELFDATA2LSB;
			bytes[EI_VERSION] = EV_CURRENT;
		}
		file = open_bytes(bytes, sizeof(bytes));
		assert_int_not_equal(function_offset(file, "malloc", &number), 0);
		elf_file__put(file);
	}
}

static void a_file_cut_short_gives_less_and_does_no_harm(void **state)
{
	size_t size;
	char *libc = read_libc(&size);
	const Elf64_Ehdr *header = (const void *)libc;
	const size_t lengths[] = {
		15,
		16,
		63,
		64,
		100,
		header->e_phoff + sizeof(Elf64_Phdr),
		4096,
		size / 2,
		header->e_shoff,
		header->e_shoff + sizeof(Elf64_Shdr) * 5 / 2,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct elf_file *file = open_bytes(libc, lengths[i]);
		uint64_t offset;

		/* Without the section table no symbol is found. */
		assert_int_not_equal(function_offset(file, "malloc", &offset), 0);
		elf_file__put(file);
	}
	assert_says_nothing(open_bytes(libc, 100));
	free(libc);
}

/* The mapped file may change under our hands. */
static void a_file_that_shrinks_while_open_does_no_harm(void **state)
{
	size_t size;
	char *libc = read_libc(&size);
	struct elf_file *file = open_bytes(libc, size);
	uint64_t offset;
	char byte;

	(void)state;
	assert_int_equal(function_offset(file, "malloc", &offset), 0);
	assert_int_equal(ftruncate(elf_file__fd(file), 4096), 0);
	assert_int_not_equal(function_offset(file, "malloc", &offset), 0);
	assert_int_equal(elf_file__read(file, 8192, &byte, 1), 0);
	elf_file__put(file);
	free(libc);
}

/* Where its code could be probed in the middle of an instruction. */
static void another_machines_functions_are_none(void **state)
{
	size_t size;
	char *libc = read_libc(&size);
	struct elf_file *file;
	uint64_t offset;

	(void)state;
	((Elf64_Ehdr *)libc)->e_machine = EM_AARCH64;
	file = open_bytes(libc, size);
	assert_int_equal(function_offset(file, "malloc", &offset), -ENOENT);
	elf_file__put(file);
	free(libc);
}

static void a_function_that_is_no_code_is_none(void **state)
{
	size_t size;
	char *libc = read_libc(&size);
	const Elf64_Ehdr *header = (const void *)libc;
	Elf64_Phdr *phdrs = (void *)(libc + header->e_phoff);
	struct elf_file *file;
	uint64_t offset;

	(void)state;
	for (int i = 0; i < header->e_phnum; i++)
		phdrs[i].p_flags &= ~PF_X;
	file = open_bytes(libc, size);
	assert_int_equal(function_offset(file, "malloc", &offset), -ENOENT);
	elf_file__put(file);
	free(libc);
}

static void names_without_an_end_are_none(void **state)
{
	size_t size;
	char *libc = read_libc(&size);
	const Elf64_Ehdr *header = (const void *)libc;
	const Elf64_Shdr *sections = (const void *)(libc + header->e_shoff);
	struct elf_file *file;
	uint64_t offset;

	(void)state;
	for (int i = 0; i < header->e_shnum; i++) {
		const Elf64_Shdr *names = &sections[sections[i].sh_link];

		if (sections[i].sh_type == SHT_DYNSYM)
			libc[names->sh_offset + names->sh_size - 1] = 'x';
	}
	file = open_bytes(libc, size);
	assert_int_equal(function_offset(file, "malloc", &offset), -ENOENT);
	elf_file__put(file);
	free(libc);
}

static void a_symbol_outside_the_segments_is_none(void **state)
{
	size_t size;
	char *libc = read_libc(&size);
	const Elf64_Ehdr *header = (const void *)libc;
	Elf64_Phdr *phdrs = (void *)(libc + header->e_phoff);
	struct elf_file *file;
	uint64_t offset;

	(void)state;
	for (int i = 0; i < header->e_phnum; i++) {
		if (phdrs[i].p_type == PT_LOAD)
			phdrs[i].p_vaddr = 1ULL << 60;
	}
	file = open_bytes(libc, size);
	assert_int_equal(function_offset(file, "malloc", &offset), -ENOENT);
	elf_file__put(file);
	free(libc);
}

/* In libc the two are the same, in other files they are not. */
static void an_address_is_not_an_offset(void **state)
{
	size_t size;
	char *libc = read_libc(&size);
	const Elf64_Ehdr *header = (const void *)libc;
	Elf64_Phdr *phdrs = (void *)(libc + header->e_phoff);
	struct elf_file *file = open_bytes(libc, size);
	uint64_t before, after, vaddr;

	(void)state;
	assert_int_equal(function_offset(file, "malloc", &before), 0);
	elf_file__put(file);
	for (int i = 0; i < header->e_phnum; i++) {
		if (phdrs[i].p_type == PT_LOAD)
			phdrs[i].p_vaddr += 0x1000;
	}
	file = open_bytes(libc, size);
	assert_int_equal(function_offset(file, "malloc", &after), 0);
	assert_int_equal(after, before - 0x1000);
	assert_true(elf_file__vaddr(file, after, &vaddr));
	assert_int_equal(vaddr, after + 0x1000);
	elf_file__put(file);
	free(libc);
}

/* lld lets a segment begin in the middle of a page, whose first bytes are the segment's before it;
 * the mapping of its code begins with the page. */
static void a_mapping_of_code_may_begin_before_its_segment(void **state)
{
	size_t size;
	char *libc = read_libc(&size);
	const Elf64_Ehdr *header = (const void *)libc;
	Elf64_Phdr *phdrs = (void *)(libc + header->e_phoff);
	uint64_t offset = 0, vaddr;
	struct elf_file *file;

	(void)state;
	for (int i = 0; i < header->e_phnum; i++) {
		if (phdrs[i].p_type == PT_LOAD && phdrs[i].p_flags & PF_X) {
			offset = phdrs[i].p_offset;
			phdrs[i].p_offset += 0x340;
			phdrs[i].p_vaddr += 0x5340;
		}
	}
	file = open_bytes(libc, size);
	assert_true(elf_file__code_vaddr(file, offset, &vaddr));
	assert_int_equal(vaddr, offset + 0x5000);
	assert_false(elf_file__code_vaddr(file, offset - 1, &vaddr));
	assert_false(elf_file__code_vaddr(file, 0, &vaddr));
	elf_file__put(file);
	free(libc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_functions_offset_leads_to_its_bytes),
		cmocka_unit_test(what_is_no_defined_function_is_not_found),
		cmocka_unit_test(the_build_id_is_the_loaded_ones),
		cmocka_unit_test(an_offset_has_the_address_that_the_headers_give_it),
		cmocka_unit_test(reading_stops_at_the_end),
		cmocka_unit_test(the_name_is_a_copy),
		cmocka_unit_test(the_last_reference_closes_the_file),
		cmocka_unit_test(what_is_not_elf_has_no_segments),
		cmocka_unit_test(sections_that_the_header_does_not_count_are_not_read),
		cmocka_unit_test(garbage_behind_the_magic_is_harmless),
		cmocka_unit_test(a_file_cut_short_gives_less_and_does_no_harm),
		cmocka_unit_test(a_file_that_shrinks_while_open_does_no_harm),
		cmocka_unit_test(an_address_is_not_an_offset),
		cmocka_unit_test(a_mapping_of_code_may_begin_before_its_segment),
		cmocka_unit_test(a_symbol_outside_the_segments_is_none),
		cmocka_unit_test(another_machines_functions_are_none),
		cmocka_unit_test(a_function_that_is_no_code_is_none),
		cmocka_unit_test(names_without_an_end_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
