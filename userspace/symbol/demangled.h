/* SPDX-License-Identifier: Apache-2.0 */
/* What symbols are called when they are demangled, each once for a while: a template's many
 * addresses share its name, and libiberty takes some microseconds for it. */
#ifndef EXOPROF_DEMANGLED_H
#define EXOPROF_DEMANGLED_H

#include <stddef.h>

struct demangled;

struct demangled *demangled__new(void);            /* NULL with errno set */
void demangled__free(struct demangled *demangled); /* NULL is fine */

/* As demangle__name() has it; NULL: as it is. Valid until demangled__tend(). */
const char *demangled__find(struct demangled *demangled, const char *mangled);

/* Forgets them, if they have become many. */
void demangled__tend(struct demangled *demangled);

#endif
