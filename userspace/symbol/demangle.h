/* SPDX-License-Identifier: Apache-2.0 */
/* What a person calls a function whose symbol a compiler has mangled: C++ (Itanium's ABI), Rust
 * (both schemes) and D, through libiberty. */
#ifndef EXOPROF_DEMANGLE_H
#define EXOPROF_DEMANGLE_H

#include <stdbool.h>

/* "_ZN3foo3barEi.cold" gives "foo::bar.cold": without parameters, as perf has it, and with what
 * compilers, versions and kallsyms put behind a name. malloc()ed; NULL where the symbol is not
 * mangled, or is too long, deep or slow to demangle, and so is to be shown as it is. Takes no more
 * than 50 ms, whatever the symbol. */
char *demangle__name(const char *mangled);

/* Whether a symbol looks as if it were mangled, and is not too long for it. */
bool demangle__may(const char *symbol);

#endif
