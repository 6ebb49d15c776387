// SPDX-License-Identifier: Apache-2.0
#include "symbol/symbolizer.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/intern.h"
#include "symbol/kallsyms.h"
#include "symbol/module.h"

struct symbolizer {
	struct intern *file_ids; /* elf_file pointers; the modules keep the files alive */
	struct module **modules; /* by file id; NULL: could not be opened */
	size_t module_count, module_capacity;
	struct kallsyms *kallsyms;
	bool kallsyms_tried;
};

struct symbolizer *symbolizer__new(void)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (!symbolizer)
		return NULL;
	symbolizer->file_ids = intern__new();
	if (symbolizer->file_ids)
		return symbolizer;
	free(symbolizer);
	return NULL;
}

void symbolizer__free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	for (size_t i = 0; i < symbolizer->module_count; i++)
		module__close(symbolizer->modules[i]);
	free(symbolizer->modules);
	intern__free(symbolizer->file_ids);
	kallsyms__free(symbolizer->kallsyms);
	free(symbolizer);
}

static struct module *module_of(struct symbolizer *symbolizer, struct elf_file *file)
{
	struct module *module;
	bool is_new;
	uint32_t id = intern__id(symbolizer->file_ids, &file, sizeof(file), &is_new);

	if (id == INTERN_FAILED)
		return NULL;
	if (!is_new)
		return id < symbolizer->module_count ? symbolizer->modules[id] : NULL;
	module = module__open(file);
	if (array_append(&symbolizer->modules, &symbolizer->module_count,
			 &symbolizer->module_capacity, module)) {
		module__close(module);
		return NULL;
	}
	return module;
}

const char *symbolizer__user(struct symbolizer *symbolizer, const struct mapping *mapping,
			     uint64_t runtime_pc)
{
	struct module *module;
	uint64_t vaddr;

	if (!mapping->file ||
	    !elf_file__vaddr(mapping->file, runtime_pc - mapping->start + mapping->file_offset,
			     &vaddr))
		return NULL;
	module = module_of(symbolizer, mapping->file);
	return module ? module__function(module, vaddr) : NULL;
}

/* Read at the first need: most heap profiles never ask. */
static void read_kallsyms(struct symbolizer *symbolizer)
{
	FILE *in = fopen("/proc/kallsyms", "re");

	symbolizer->kallsyms_tried = true;
	if (!in)
		return;
	symbolizer->kallsyms = kallsyms__read(in);
	fclose(in);
}

const char *symbolizer__kernel(struct symbolizer *symbolizer, uint64_t address)
{
	if (!symbolizer->kallsyms_tried)
		read_kallsyms(symbolizer);
	return symbolizer->kallsyms ? kallsyms__find(symbolizer->kallsyms, address) : NULL;
}
