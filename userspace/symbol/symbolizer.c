// SPDX-License-Identifier: Apache-2.0
#include "symbol/symbolizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/intern.h"
#include "symbol/debug_files.h"
#include "symbol/demangle.h"
#include "symbol/jit_names.h"
#include "symbol/kernel_names.h"
#include "symbol/module.h"

struct symbolizer {
	struct intern *file_ids; /* elf_file pointers; the modules keep the files alive */
	struct module **modules; /* by file id; NULL: could not be opened */
	size_t module_count, module_capacity;
	struct debug_files *debug_files;
	struct jit_names *jit_names;
	struct kernel_names *kernel_names;
	struct symbol_line line; /* of the last answer */
	char *demangled;         /* its name, if it has another one */
};

struct symbolizer *symbolizer__new(const struct symbolizer_options *options)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (!symbolizer)
		return NULL;
	symbolizer->file_ids = intern__new();
	symbolizer->debug_files = debug_files__new(options->debug_dirs);
	symbolizer->jit_names = jit_names__new();
	symbolizer->kernel_names = kernel_names__new("/proc/kallsyms", "/proc/modules");
	if (symbolizer->file_ids && symbolizer->debug_files && symbolizer->jit_names &&
	    symbolizer->kernel_names)
		return symbolizer;
	symbolizer__free(symbolizer);
	errno = ENOMEM;
	return NULL;
}

void symbolizer__free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	for (size_t i = 0; i < symbolizer->module_count; i++)
		module__close(symbolizer->modules[i]);
	free(symbolizer->modules);
	debug_files__free(symbolizer->debug_files);
	intern__free(symbolizer->file_ids);
	jit_names__free(symbolizer->jit_names);
	kernel_names__free(symbolizer->kernel_names);
	free(symbolizer->demangled);
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
	module = module__open(file, symbolizer->debug_files);
	if (array_append(&symbolizer->modules, &symbolizer->module_count,
			 &symbolizer->module_capacity, module)) {
		module__close(module);
		return NULL;
	}
	return module;
}

static void answer_name(struct symbolizer *symbolizer, const char *name,
			struct symbol_answer *answer)
{
	free(symbolizer->demangled);
	symbolizer->demangled = name ? demangle__name(name) : NULL;
	symbolizer->line = (struct symbol_line){
		.name = symbolizer->demangled ? symbolizer->demangled : name,
		.system_name = name,
	};
	answer->lines = &symbolizer->line;
	answer->count = name ? 1 : 0;
}

void symbolizer__user(struct symbolizer *symbolizer, const struct mapping *mapping,
		      uint64_t runtime_pc, struct symbol_answer *answer)
{
	uint64_t vaddr = runtime_pc - mapping->start + mapping->file_offset;
	struct module *module;

	*answer = (struct symbol_answer){};
	/* The kernel's page for system calls of old, which is no file. */
	if (!strcmp(mapping->name, "[vsyscall]"))
		answer_name(symbolizer, mapping->name, answer);
	if (mapping->file && elf_file__vaddr(mapping->file, vaddr, &vaddr)) {
		module = module_of(symbolizer, mapping->file);
		answer_name(symbolizer, module ? module__function(module, vaddr) : NULL, answer);
	}
	answer->function_vaddr = vaddr;
}

void symbolizer__jit(struct symbolizer *symbolizer, struct jit_file *jit, uint64_t runtime_pc,
		     struct symbol_answer *answer)
{
	uint64_t start = runtime_pc;
	const char *name = jit_names__find(symbolizer->jit_names, jit, runtime_pc, &start);

	*answer = (struct symbol_answer){.function_vaddr = start};
	answer_name(symbolizer, name, answer);
}

void symbolizer__kernel(struct symbolizer *symbolizer, uint64_t address,
			struct symbol_answer *answer)
{
	*answer = (struct symbol_answer){.function_vaddr = address};
	answer_name(symbolizer, kernel_names__find(symbolizer->kernel_names, address), answer);
}
