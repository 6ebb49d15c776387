/* SPDX-License-Identifier: Apache-2.0 */
/* Runs code in every file of a folder that tests/hostile/make_files.py has made, and in a page of
 * no file, beside functions of its own whose shares are known: honest_a 3, honest_b 1, all
 * others 4. When told so on stdin it allocates, by itself and through the files' code, says its
 * books, and goes on. Usage: hostile FOLDER */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "busy.h"

/* As in make_files.py. */
#define PAGE_BYTES  0x1000
#define CODE_OFFSET 0x1000
#define CALL_OFFSET 0x80

#define FILES_MAX   256
/* About a third of a millisecond. */
#define ROUND       100000
#define OWN_BLOCKS  1000
#define OWN_SIZE    100
#define BLOCKS      10
#define SIZE        1000

typedef uint64_t (*burn_function)(uint64_t rounds);
typedef void *(*call_function)(void *(*allocate)(size_t), size_t size);

static char *pages[FILES_MAX];
static size_t page_count;
static volatile uint64_t sink;
static void *volatile kept;
static const char *folder;

BUSY_FUNCTION(honest_a)
BUSY_FUNCTION(honest_b)

APART static uint64_t site_elsewhere(size_t page)
{
	burn_function burn = (burn_function)(uintptr_t)pages[page];

	return burn(4 * ROUND) + 1;
}

APART static void site_own(void)
{
	for (int i = 0; i < OWN_BLOCKS; i++)
		kept = malloc(OWN_SIZE);
}

APART static void allocate_elsewhere(void)
{
	for (size_t i = 0; i < page_count; i++) {
		call_function call = (call_function)(uintptr_t)(pages[i] + CALL_OFFSET);

		for (int j = 0; j < BLOCKS; j++)
			kept = call(malloc, SIZE);
	}
}

/* Says nothing of what cannot be mapped: pipes and links. */
static void map_file(const char *name)
{
	char path[4096];
	char *page;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, CODE_OFFSET);
	if (page != MAP_FAILED)
		pages[page_count++] = page;
	close(fd);
}

static void map_files(void)
{
	struct dirent **names;
	int count = scandir(folder, &names, NULL, alphasort);
	char *page;

	for (int i = 0; i < count && page_count < FILES_MAX - 1; i++) {
		if (strstr(names[i]->d_name, ".elf"))
			map_file(names[i]->d_name);
	}
	if (!page_count)
		exit(1);
	/* The same code in no file, as a JIT compiler's. */
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(page, pages[0], PAGE_BYTES);
	mprotect(page, PAGE_BYTES, PROT_READ | PROT_EXEC);
	pages[page_count++] = page;
}

static void *answer(void *unused)
{
	char go;

	while (read(0, &go, 1) == 1) {
		site_own();
		allocate_elsewhere();
		printf("site site_own %d %d %d %d\n", OWN_BLOCKS, OWN_BLOCKS * OWN_SIZE, OWN_BLOCKS,
		       OWN_BLOCKS * OWN_SIZE);
		printf("elsewhere %zu %zu\nend\n", page_count * BLOCKS, page_count * BLOCKS * SIZE);
		fflush(stdout);
	}
	return unused;
}

/* One of the files is there, and is not, behind the page that runs. */
static void *cut(void *unused)
{
	char path[4096], *bytes;
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/cut_behind_the_code.elf", folder);
	fd = open(path, O_RDWR);
	if (fd < 0 || fstat(fd, &st))
		return unused;
	bytes = malloc(st.st_size);
	if (!bytes || read(fd, bytes, st.st_size) != st.st_size)
		return unused;
	for (;; usleep(20000)) {
		if (ftruncate(fd, CODE_OFFSET + PAGE_BYTES))
			return unused;
		usleep(1000);
		if (pwrite(fd, bytes, st.st_size, 0) != st.st_size)
			return unused;
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 2)
		return 2;
	folder = argv[1];
	map_files();
	if (pthread_create(&thread, NULL, answer, NULL) || pthread_create(&thread, NULL, cut, NULL))
		return 1;
	printf("%zu pages\nready\n", page_count);
	fflush(stdout);
	for (size_t i = 0;; i = (i + 1) % page_count) {
		sink += honest_a(3 * ROUND);
		sink += honest_b(ROUND);
		sink += site_elsewhere(i);
	}
}
