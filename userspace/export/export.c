// SPDX-License-Identifier: Apache-2.0
#include "export/export.h"

#include <string.h>

#define BYTES "application/octet-stream"
#define TEXT  "text/plain; charset=utf-8"
#define SVG   "image/svg+xml; charset=utf-8"
#define JSON  "application/json"
#define TREE  "application/vnd.exoprof.tree+json"

static const struct format formats[] = {
	{"pprof",      ".pb.gz",           BYTES, export_pprof,      NULL,        false, true,  false},
	{"folded",     ".folded",          TEXT,  export_folded,     NULL,        true,  true,  false},
	{"flamegraph", ".svg",             SVG,   export_flamegraph, NULL,        true,  true,  false},
	{"speedscope", ".speedscope.json", JSON,  export_speedscope, NULL,        true,  false, false},
	{"tree",       ".tree.json",       TREE,  export_tree,       NULL,        true,  true,  false},
	{"text",       ".txt",             TEXT,  export_text,       NULL,        false, false, false},
	{"threads",    ".threads",         TEXT,  export_threads,    "goroutine", false, false, true },
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

const struct format *format__by_media_type(const char *media_type)
{
	const struct format *found = NULL;
	size_t length = strlen(media_type);

	for (size_t i = 0; i < FORMATS; i++) {
		const char *type = formats[i].content_type;

		if (strncmp(type, media_type, length) || (type[length] && type[length] != ';'))
			continue;
		if (found)
			return NULL;
		found = &formats[i];
	}
	return found;
}

bool format__is_for(const struct format *format, const char *kind)
{
	return !format->only_kind || !strcmp(format->only_kind, kind);
}

const char *format__names(void)
{
	return "pprof, folded, flamegraph, speedscope, tree, text, threads";
}
