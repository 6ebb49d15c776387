// SPDX-License-Identifier: Apache-2.0
#include "profile_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory_stream.h"
#include "base/say.h"
#include "import/import.h"
#include "output.h"

void profile_file__limit_memory(void)
{
	rlim_t half = (rlim_t)sysconf(_SC_PHYS_PAGES) / 2 * sysconf(_SC_PAGESIZE);
	struct rlimit limit;

#ifdef __SANITIZE_ADDRESS__
	/* Its shadow of all addresses counts as data. */
	return;
#endif
	if (getrlimit(RLIMIT_DATA, &limit) || limit.rlim_cur <= half)
		return;
	limit.rlim_cur = half;
	setrlimit(RLIMIT_DATA, &limit);
}

/* Reads up to one byte more than an import takes. 0 or -errno. */
static int read_stream(FILE *in, char **bytes, size_t *size)
{
	FILE *all = open_memstream(bytes, size);
	char buffer[65536];
	size_t got, total = 0;
	int err;

	if (!all)
		return -errno;
	while (total <= IMPORT_BYTES_MAX && (got = fread(buffer, 1, sizeof(buffer), in))) {
		fwrite(buffer, 1, got, all);
		total += got;
	}
	err = ferror(in) ? -errno : ferror(all) ? -ENOMEM : 0;
	if (memory_stream__close(all, bytes) && !err)
		err = -ENOMEM;
	return err;
}

static int read_bytes(const char *path, char **bytes, size_t *size)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	int err;

	if (!in)
		return -errno;
	err = read_stream(in, bytes, size);
	if (!is_stdin)
		fclose(in);
	return err;
}

static const char *reason(int err)
{
	return err == -ENOMEM ? "not enough memory (exoprof takes no more than half of the "
				"machine's)"
			      : strerror(-err);
}

const struct profile *profile_file__read(const char *path, const char *sample_index)
{
	const struct profile *profile = NULL;
	char why[IMPORT_WHY_BYTES];
	char *bytes = NULL;
	size_t size = 0;
	int err = read_bytes(path, &bytes, &size);

	if (err) {
		say("cannot read %s: %s", path, reason(err));
	} else {
		profile = import__profile(bytes, size, sample_index, why);
		if (!profile)
			say("cannot read %s: %s", path, errno == ENOMEM ? reason(-ENOMEM) : why);
	}
	free(bytes);
	return profile;
}

/* The whole in memory first: what cannot be written leaves the file as it was. */
static int write_bytes(const struct profile *profile, const struct format *format, char **bytes,
		       size_t *size)
{
	FILE *out = open_memstream(bytes, size);
	int err;

	if (!out)
		return -errno;
	err = format->write(profile, out);
	if (memory_stream__close(out, bytes) && !err)
		err = -ENOMEM;
	return err;
}

int profile_file__write(const struct profile *profile, const struct options *options)
{
	const char *path = options->output;
	char *bytes = NULL;
	size_t size = 0;
	int err = write_bytes(profile, options->format, &bytes, &size), fd;

	if (err) {
		say("cannot write %s: %s", path, reason(err));
	} else {
		fd = output__open(path);
		if (fd < 0) {
			err = fd;
			say("cannot write %s: %s (choose another place with -o)", path,
			    strerror(-err));
		} else {
			err = output__save(fd, path, bytes, size);
		}
	}
	free(bytes);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
