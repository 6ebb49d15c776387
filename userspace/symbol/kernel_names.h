/* SPDX-License-Identifier: Apache-2.0 */
/* The names of kernel functions, also of those that were loaded a moment ago: modules and BPF
 * programs come and go. Used by one thread at a time. */
#ifndef EXOPROF_KERNEL_NAMES_H
#define EXOPROF_KERNEL_NAMES_H

#include <stdint.h>

struct kernel_names;

/* From files like these: "/proc/kallsyms", "/proc/modules"; the strings must outlive it. They are
 * read at the first need. NULL with errno set. */
struct kernel_names *kernel_names__new(const char *symbols, const char *modules);
void kernel_names__free(struct kernel_names *names); /* NULL is fine */

/* The function that the address is in, with its module in brackets behind it, or NULL. Valid until
 * the next call. */
const char *kernel_names__find(struct kernel_names *names, uint64_t address);

#endif
