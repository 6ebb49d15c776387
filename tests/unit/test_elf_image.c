// SPDX-License-Identifier: Apache-2.0
/* What is kept from libelf and libdw. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbol/elf_image.h"

#define SEEDS "tests/fuzz/corpus/symbolize/"

static void *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *bytes;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc(st.st_size);
	*size = st.st_size;
	assert_int_equal(read(fd, bytes, *size), *size);
	close(fd);
	return bytes;
}

static void a_library_is_opened_from_a_file_and_from_memory(void **state)
{
	struct elf_image *image = elf_image__open(open(SEEDS "dwarf5", O_RDONLY | O_CLOEXEC));
	size_t size;
	void *bytes = read_file(SEEDS "dwarf5", &size);
	GElf_Shdr shdr;

	(void)state;
	assert_non_null(image);
	assert_true(elf_image__has_dwarf(image));
	assert_int_equal(elf_image__bytes(image), 0);
	elf_image__forget_pages(image);
	assert_non_null(elf_image__section(image, ".text", &shdr));
	assert_null(elf_image__section(image, ".nothing", &shdr));
	elf_image__close(image);
	image = elf_image__of_bytes(bytes, size);
	assert_non_null(image);
	assert_int_equal(elf_image__bytes(image), size);
	elf_image__close(image);
	elf_image__close(NULL);
}

static void refuse(const char *seed, void (*change)(unsigned char *bytes))
{
	size_t size;
	unsigned char *bytes = read_file(seed, &size);

	change(bytes);
	errno = 0;
	assert_null(elf_image__of_bytes(bytes, size));
	assert_int_equal(errno, EBADMSG);
}

static void make_object(unsigned char *bytes)
{
	((Elf64_Ehdr *)bytes)->e_type = ET_REL;
}

static void make_i386(unsigned char *bytes)
{
	((Elf64_Ehdr *)bytes)->e_machine = EM_386;
}

static void hide_section_count(unsigned char *bytes)
{
	((Elf64_Ehdr *)bytes)->e_shnum = 0;
}

static void claim_2_gib(unsigned char *bytes)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)bytes;
	const Elf64_Shdr *shdrs = (const Elf64_Shdr *)(bytes + ehdr->e_shoff);
	uint64_t size = 2ULL << 30;

	for (int i = 0; i < ehdr->e_shnum; i++) {
		if (shdrs[i].sh_flags & SHF_COMPRESSED)
			memcpy(bytes + shdrs[i].sh_offset + offsetof(Elf64_Chdr, ch_size), &size,
			       sizeof(size));
	}
}

/* "ZLIB" and 8 bytes, the highest first. */
static void claim_2_gib_the_old_way(unsigned char *bytes)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)bytes;
	const Elf64_Shdr *shdrs = (const Elf64_Shdr *)(bytes + ehdr->e_shoff);

	for (int i = 0; i < ehdr->e_shnum; i++) {
		if (!memcmp(bytes + shdrs[i].sh_offset, "ZLIB", 4))
			bytes[shdrs[i].sh_offset + 8] = 0x80;
	}
}

static void what_is_no_program_or_too_dear_is_refused(void **state)
{
	(void)state;
	refuse(SEEDS "dwarf5", make_object);
	refuse(SEEDS "dwarf5", make_i386);
	refuse(SEEDS "dwarf5", hide_section_count);
	refuse(SEEDS "compressed", claim_2_gib);
	refuse(SEEDS "zdebug", claim_2_gib_the_old_way);
	assert_null(elf_image__of_bytes(calloc(1, 1), 1));
}

static bool is_part(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is_one = elf_image__is_part(fd);

	assert_int_equal(close(fd), 0);
	return is_one;
}

static void libdw_is_led_to_elf_files_only(void **state)
{
	(void)state;
	assert_true(is_part(SEEDS "dwarf5"));
	assert_false(is_part("Makefile"));
	assert_false(is_part("/dev/null"));
	assert_false(is_part("/tmp"));
	assert_false(elf_image__is_part(-1));
}

/* A page of a file that was cut short before it. */
static volatile char *map_nothing(void)
{
	int fd = memfd_create("nothing", MFD_CLOEXEC);
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

/* How a child ends that does this; 0: it ran through. */
static int signal_of(void (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		elf_image__survive_truncation();
		act();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void read_in_time(void)
{
	volatile char *page = map_nothing();

	elf_image__begin_reads();
	elf_image__begin_reads();
	elf_image__end_reads();
	errno = 77;
	if (page[100] || errno != 77)
		_exit(1);
	elf_image__end_reads();
	/* It stays as it is. */
	if (page[4000])
		_exit(1);
}

static void read_too_late(void)
{
	elf_image__begin_reads();
	elf_image__end_reads();
	(void)map_nothing()[0];
}

static void *read_at(void *page)
{
	(void)*(volatile char *)page;
	return NULL;
}

static void read_in_another_thread(void)
{
	pthread_t thread;

	elf_image__begin_reads();
	pthread_create(&thread, NULL, read_at, (void *)map_nothing());
	pthread_join(thread, NULL);
}

/* Code of a library whose file was cut short. */
static void read_cut_library(void)
{
	char path[] = "/tmp/test_elf_image.XXXXXX", command[128];
	struct dl_find_object object;
	void *library, *function;
	int fd = mkstemp(path);

	sprintf(command, "cp -L /lib/x86_64-linux-gnu/libz.so.1 %s", path);
	library = system(command) ? NULL : dlopen(path, RTLD_NOW);
	function = library ? dlsym(library, "zlibVersion") : NULL;
	unlink(path);
	if (!function || _dl_find_object(function, &object) || ftruncate(fd, 0))
		_exit(1);
	elf_image__begin_reads();
	(void)*(volatile char *)function;
}

static void only_what_is_read_of_a_file_may_be_missing(void **state)
{
	(void)state;
	assert_int_equal(signal_of(read_in_time), 0);
	assert_int_equal(signal_of(read_too_late), SIGBUS);
	assert_int_equal(signal_of(read_in_another_thread), SIGBUS);
	assert_int_equal(signal_of(read_cut_library), SIGBUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_library_is_opened_from_a_file_and_from_memory),
		cmocka_unit_test(what_is_no_program_or_too_dear_is_refused),
		cmocka_unit_test(libdw_is_led_to_elf_files_only),
		cmocka_unit_test(only_what_is_read_of_a_file_may_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
