// SPDX-License-Identifier: Apache-2.0
#include "export/export.h"

#include <string.h>

static const struct format formats[] = {
	{"pprof",      ".pb.gz",           "application/octet-stream",     export_pprof     },
	{"folded",     ".folded",          "text/plain; charset=utf-8",    export_folded    },
	{"flamegraph", ".svg",             "image/svg+xml; charset=utf-8", export_flamegraph},
	{"speedscope", ".speedscope.json", "application/json",             export_speedscope},
};

#define FORMATS (sizeof(formats) / sizeof(*formats))

const struct format *format__by_name(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++) {
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	}
	return NULL;
}

const struct format *format__by_path(const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; i < FORMATS; i++) {
		size_t ending = strlen(formats[i].ending);

		if (length >= ending && !strcmp(path + length - ending, formats[i].ending))
			return &formats[i];
	}
	return NULL;
}

const char *format__names(void)
{
	return "pprof, folded, flamegraph, speedscope";
}
