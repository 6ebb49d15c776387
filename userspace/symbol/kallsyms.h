/* SPDX-License-Identifier: Apache-2.0 */
/* Names of kernel functions. */
#ifndef EXOPROF_KALLSYMS_H
#define EXOPROF_KALLSYMS_H

#include <stdint.h>
#include <stdio.h>

struct kallsyms;

/* Reads the formats of /proc/kallsyms and /proc/modules, of which the second may be NULL. NULL with
 * errno set; EACCES where the kernel shows all addresses as 0 (kernel.kptr_restrict). */
struct kallsyms *kallsyms__read(FILE *symbols, FILE *modules);
void kallsyms__free(struct kallsyms *kallsyms); /* NULL is fine */

/* The function that the address is in, with its module in brackets behind it, or NULL. */
const char *kallsyms__find(const struct kallsyms *kallsyms, uint64_t address);

#endif
