/* SPDX-License-Identifier: Apache-2.0 */
/* What one ELF file, and the debug file that goes with it, tell of its addresses: DWARF, symbols,
 * entries of the PLT, call-frame information, in this order. */
#ifndef EXOPROF_MODULE_H
#define EXOPROF_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "symbol/found.h"
#include "symbol/opener.h"

struct module;

/* The fd stays the caller's, and is used by nothing once this has returned; `opener` must outlive
 * the module. NULL with errno set where memory is short; a file that cannot be made sense of gives
 * a module without names. */
struct module *module__open(int fd, const struct opener *opener);
void module__close(struct module *module); /* NULL is fine */

/* What is known of an address, as the file's own headers count. The answer is the module's, without
 * names for a person. */
struct found *module__find(struct module *module, uint64_t vaddr);

/* Lets go of what is read from the file again when it is needed: decoded DWARF, mapped pages. */
void module__forget(struct module *module);

/* What it keeps in memory of its own, without what can be forgotten. */
size_t module__bytes(const struct module *module);

/* Grows whenever libdw has decoded more. */
size_t module__decoded(const struct module *module);

#endif
