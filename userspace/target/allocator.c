// SPDX-License-Identifier: Apache-2.0
#include "target/allocator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Sorted by name. Beside what the C and C++ standards and glibc have there are jemalloc's *x
 * functions, and what mimalloc alone has. C++'s operators are _Zn* and _Zd*: w is `new`, a is
 * `[]`, l is `delete`; then the sizes, alignments and std::nothrow that they take (Itanium C++
 * ABI, 5.1). */
static const struct {
	const char *name;
	enum wire_heap_call call;
} functions[] = {
	{"_ZdaPv",			      WIRE_HEAP_FREE          },
	{"_ZdaPvRKSt9nothrow_t",                WIRE_HEAP_FREE          },
	{"_ZdaPvSt11align_val_t",               WIRE_HEAP_FREE          },
	{"_ZdaPvSt11align_val_tRKSt9nothrow_t", WIRE_HEAP_FREE          },
	{"_ZdaPvm",			     WIRE_HEAP_FREE          },
	{"_ZdaPvmSt11align_val_t",              WIRE_HEAP_FREE          },
	{"_ZdlPv",			      WIRE_HEAP_FREE          },
	{"_ZdlPvRKSt9nothrow_t",                WIRE_HEAP_FREE          },
	{"_ZdlPvSt11align_val_t",               WIRE_HEAP_FREE          },
	{"_ZdlPvSt11align_val_tRKSt9nothrow_t", WIRE_HEAP_FREE          },
	{"_ZdlPvm",			     WIRE_HEAP_FREE          },
	{"_ZdlPvmSt11align_val_t",              WIRE_HEAP_FREE          },
	{"_Znam",			       WIRE_HEAP_MALLOC        },
	{"_ZnamRKSt9nothrow_t",                 WIRE_HEAP_MALLOC        },
	{"_ZnamSt11align_val_t",                WIRE_HEAP_MALLOC        },
	{"_ZnamSt11align_val_tRKSt9nothrow_t",  WIRE_HEAP_MALLOC        },
	{"_Znwm",			       WIRE_HEAP_MALLOC        },
	{"_ZnwmRKSt9nothrow_t",                 WIRE_HEAP_MALLOC        },
	{"_ZnwmSt11align_val_t",                WIRE_HEAP_MALLOC        },
	{"_ZnwmSt11align_val_tRKSt9nothrow_t",  WIRE_HEAP_MALLOC        },
	{"aligned_alloc",                       WIRE_HEAP_ALIGNED       },
	{"calloc",			      WIRE_HEAP_CALLOC        },
	{"cfree",			       WIRE_HEAP_FREE          },
	{"dallocx",			     WIRE_HEAP_FREE          },
	{"free",				WIRE_HEAP_FREE          },
	{"free_aligned_sized",                  WIRE_HEAP_FREE          },
	{"free_sized",			  WIRE_HEAP_FREE          },
	{"malloc",			      WIRE_HEAP_MALLOC        },
	{"mallocx",			     WIRE_HEAP_MALLOC        },
	{"memalign",			    WIRE_HEAP_ALIGNED       },
	{"mi_free_aligned",                     WIRE_HEAP_FREE          },
	{"mi_free_size",                        WIRE_HEAP_FREE          },
	{"mi_free_size_aligned",                WIRE_HEAP_FREE          },
	{"mi_malloc_aligned",                   WIRE_HEAP_MALLOC        },
	{"mi_mallocn",			  WIRE_HEAP_CALLOC        },
	{"mi_new",			      WIRE_HEAP_MALLOC        },
	{"mi_new_aligned",                      WIRE_HEAP_MALLOC        },
	{"mi_new_aligned_nothrow",              WIRE_HEAP_MALLOC        },
	{"mi_new_nothrow",                      WIRE_HEAP_MALLOC        },
	{"mi_reallocf",			 WIRE_HEAP_REALLOCF      },
	{"mi_reallocn",			 WIRE_HEAP_REALLOCARRAY  },
	{"mi_rezalloc",			 WIRE_HEAP_REALLOC       },
	{"mi_zalloc",			   WIRE_HEAP_MALLOC        },
	{"mi_zalloc_aligned",                   WIRE_HEAP_MALLOC        },
	{"posix_memalign",                      WIRE_HEAP_POSIX_MEMALIGN},
	{"pvalloc",			     WIRE_HEAP_MALLOC        },
	{"rallocx",			     WIRE_HEAP_REALLOC       },
	{"realloc",			     WIRE_HEAP_REALLOC       },
	{"reallocarray",                        WIRE_HEAP_REALLOCARRAY  },
	{"reallocf",			    WIRE_HEAP_REALLOCF      },
	{"sdallocx",			    WIRE_HEAP_FREE          },
	{"valloc",			      WIRE_HEAP_MALLOC        },
	{"xallocx",			     WIRE_HEAP_RESIZE        },
};

#define FUNCTIONS (sizeof(functions) / sizeof(*functions))

/* How many arguments matter, see enum wire_heap_call. */
static unsigned int argument_count(enum wire_heap_call call)
{
	switch (call) {
	case WIRE_HEAP_MALLOC:
	case WIRE_HEAP_FREE:
		return 1;
	case WIRE_HEAP_REALLOCARRAY:
	case WIRE_HEAP_POSIX_MEMALIGN:
		return 3;
	default:
		return 2;
	}
}

/* jemalloc's own, Rust's tikv-jemallocator's, mimalloc's and gperftools'. */
static const char *const known_prefixes[] = {"", "je_", "_rjem_", "mi_", "tc_"};

#define PREFIXES (sizeof(known_prefixes) / sizeof(*known_prefixes))

/* Functions that only the one has, in order: a program with jemalloc in it may have parts of
 * glibc's in it too. `_int_malloc` is a local symbol of a static glibc; __dls3 is musl's dynamic
 * linker,
 * __malloc_alloc_meta its mallocng. */
static const struct {
	const char *function, *name;
} markers[] = {
	{"mallctl",                "jemalloc"},
	{"je_mallctl",             "jemalloc"},
	{"_rjem_mallctl",          "jemalloc"},
	{"tc_malloc",              "tcmalloc"},
	{"TCMallocInternalMalloc", "tcmalloc"},
	{"mi_malloc",              "mimalloc"},
	{"gnu_get_libc_version",   "glibc"   },
	{"_int_malloc",            "glibc"   },
	{"__dls3",                 "musl"    },
	{"__malloc_alloc_meta",    "musl"    },
};

#define MARKERS (sizeof(markers) / sizeof(*markers))

struct reading {
	const char *const *prefixes;
	size_t prefix_count;
	struct place {
		uint64_t file_offset; /* 0: not there */
		uint64_t size;
		bool is_exported;
	} (*places)[FUNCTIONS]; /* by prefix */
	size_t marker;          /* MARKERS: none */
};

bool allocator__gives(enum wire_heap_call call)
{
	return call != WIRE_HEAP_FREE;
}

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, *(const char *const *)item);
}

static void find_marker(struct reading *reading, const char *name)
{
	for (size_t i = 0; i < reading->marker; i++) {
		if (!strcmp(markers[i].function, name)) {
			reading->marker = i;
			return;
		}
	}
}

static void see_function(void *context, const struct elf_function *function)
{
	struct reading *reading = context;

	find_marker(reading, function->name);
	for (size_t i = 0; i < reading->prefix_count; i++) {
		size_t length = strlen(reading->prefixes[i]);
		const char *const *found;
		struct place *place;

		if (strncmp(function->name, reading->prefixes[i], length))
			continue;
		found = bsearch(function->name + length, functions, FUNCTIONS, sizeof(*functions),
				compare_name);
		if (!found)
			continue;
		place = &reading->places[i][(const typeof(*functions) *)found - functions];
		if (!place->file_offset)
			*place = (struct place){function->file_offset, function->size,
						function->is_exported};
	}
}

static const struct place *place_of(const struct reading *reading, size_t prefix, const char *name)
{
	const typeof(*functions) *found =
		bsearch(name, functions, FUNCTIONS, sizeof(*functions), compare_name);

	return &reading->places[prefix][found - functions];
}

static bool is_allocator(const struct reading *reading)
{
	for (size_t i = 0; i < reading->prefix_count; i++) {
		if (place_of(reading, i, "malloc")->file_offset &&
		    place_of(reading, i, "free")->file_offset)
			return true;
	}
	return false;
}

/* Two probes on one instruction would count a call twice. */
static bool is_probed(const struct allocator *allocator, uint64_t file_offset)
{
	for (size_t i = 0; i < allocator->count; i++) {
		if (allocator->probes[i].file_offset == file_offset)
			return true;
	}
	return false;
}

/* The plain forms of operator new. */
static bool throws(const char *name)
{
	return (!strncmp(name, "_Zn", 3) || !strncmp(name, "mi_new", 6)) &&
	       !strstr(name, "nothrow");
}

static void add_probe(struct allocator *allocator, size_t function, const struct place *found)
{
	unsigned char code[PROLOGUE_BYTES];
	size_t size = elf_file__read(allocator->file, found->file_offset, code, sizeof(code));
	struct allocator_probe probe = {
		.function = functions[function].name,
		.call = functions[function].call,
		.throws = throws(functions[function].name),
		.size = found->size,
	};

	/* A segment may claim more than the file holds, where the kernel probes nothing. */
	if (!size)
		return;
	prologue__place(code, size, argument_count(probe.call), &probe.place);
	probe.file_offset = found->file_offset + probe.place.offset;
	if (allocator->count == ALLOCATOR_PROBES_MAX || is_probed(allocator, probe.file_offset))
		return;
	allocator->probes[allocator->count++] = probe;
	allocator->throws |= probe.throws;
}

/* With `gives` what gives memory out, else what takes it back. */
static void add_probes(struct allocator *allocator, const struct reading *reading, bool gives)
{
	for (size_t prefix = 0; prefix < reading->prefix_count; prefix++) {
		for (size_t i = 0; i < FUNCTIONS; i++) {
			const struct place *place = &reading->places[prefix][i];

			if (place->file_offset && allocator__gives(functions[i].call) == gives)
				add_probe(allocator, i, place);
		}
	}
}

int allocator__read(struct allocator *allocator, struct elf_file *file, const char *prefix)
{
	struct reading reading = {
		.prefixes = prefix ? &prefix : known_prefixes,
		.prefix_count = prefix ? 1 : PREFIXES,
		.marker = MARKERS,
	};
	int err;

	*allocator = (struct allocator){.file = file, .name = "an unknown allocator"};
	reading.places = calloc(reading.prefix_count, sizeof(*reading.places));
	if (!reading.places)
		return -ENOMEM;
	err = elf_file__each_function(file, see_function, &reading);
	if (is_allocator(&reading)) {
		add_probes(allocator, &reading, false);
		add_probes(allocator, &reading, true);
	}
	allocator->is_exported =
		!*reading.prefixes[0] && place_of(&reading, 0, "malloc")->is_exported;
	if (reading.marker < MARKERS)
		allocator->name = markers[reading.marker].name;
	free(reading.places);
	if (!err && !allocator->count)
		err = -ENOENT;
	allocator->file = err ? NULL : elf_file__get(file);
	return err;
}

size_t allocator__filter(struct allocator *allocator,
			 bool (*keep)(void *context, const struct allocator_probe *probe),
			 void *context)
{
	size_t kept = 0, before = allocator->count;

	for (size_t i = 0; i < before; i++) {
		if (keep(context, &allocator->probes[i]))
			allocator->probes[kept++] = allocator->probes[i];
	}
	allocator->count = kept;
	return before - kept;
}

void allocator__release(struct allocator *allocator)
{
	elf_file__put(allocator->file);
	*allocator = (struct allocator){};
}
