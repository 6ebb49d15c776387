/* SPDX-License-Identifier: Apache-2.0 */
/* The names in one ELF file and in the debug file that goes with it, through libdwfl. */
#ifndef EXOPROF_MODULE_H
#define EXOPROF_MODULE_H

#include <stdint.h>

#include "symbol/debug_files.h"
#include "target/elf_file.h"

struct module;

/* Holds a reference to the file. NULL with errno set where memory is short; a file that libdwfl
 * cannot make sense of gives a module without names. */
struct module *module__open(struct elf_file *file, struct debug_files *debug_files);
void module__close(struct module *module); /* NULL is fine */

/* The function that covers this address, as the file's own headers count; or NULL. */
const char *module__function(const struct module *module, uint64_t vaddr);

#endif
