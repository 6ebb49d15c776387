/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target shares. With -DFUZZ_MAIN a target is a program that runs the files and
 * folders it is given, its corpus if none; without, it is for libFuzzer. */
#ifndef EXOPROF_REPLAY_H
#define EXOPROF_REPLAY_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

#ifdef FUZZ_MAIN

#define CORPUS "tests/fuzz/corpus/"

static void run_file(const char *path)
{
	char *data = NULL;
	size_t size = 0, got;
	char buffer[4096];
	FILE *file = fopen(path, "re");
	FILE *all = open_memstream(&data, &size);

	if (!file || !all) {
		perror(path);
		abort();
	}
	while ((got = fread(buffer, 1, sizeof(buffer), file)))
		fwrite(buffer, 1, got, all);
	fclose(file);
	fclose(all);
	LLVMFuzzerTestOneInput((const uint8_t *)data, size);
	free(data);
}

/* The number of files. */
static size_t run_path(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	if (!folder) {
		run_file(path);
		return 1;
	}
	while ((entry = readdir(folder))) {
		char file[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		run_file(file);
		count++;
	}
	closedir(folder);
	return count;
}

/* Prints one line for all files, as scripts/run-tests reads it. */
int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = strstr(slash ? slash : argv[0], "replay_") + strlen("replay_");
	char corpus[256];
	size_t count = 0;

	snprintf(corpus, sizeof(corpus), CORPUS "%s", name);
	if (argc < 2)
		count = run_path(corpus);
	for (int i = 1; i < argc; i++)
		count += run_path(argv[i]);
	printf("%s 1 - %s survives %zu files of its corpus\n", count ? "ok" : "not ok", name,
	       count);
	return !count;
}

#endif

#endif
