/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a library's function through the procedure linkage table. The function does nothing, so
 * that much of the time goes to the table's entry; and the other way round, a callback.
 *
 * In mode "lazy" each call is as the first one is: the entry pushes a word, goes on to the table's
 * head, and the dynamic linker looks the function up. */
#include <elf.h>
#include <link.h>

#include "chain.h"

int library_leaf(int x);
void library_calls(void (*back)(void));

/* How often the table's entry finds the function looked up, per time that it does not. */
#define CALLS 1000

static ElfW(Addr) * slot; /* of library_leaf in the table of addresses */
static ElfW(Addr) unresolved;

static const ElfW(Dyn) * dynamic(ElfW(Sxword) tag)
{
	const ElfW(Dyn) *entry = _DYNAMIC;

	while (entry->d_tag != DT_NULL && entry->d_tag != tag)
		entry++;
	return entry;
}

/* d_un is an address by now: the dynamic linker has made it one. */
static void find_slot(void)
{
	const ElfW(Rela) *relocation = (void *)dynamic(DT_JMPREL)->d_un.d_ptr;
	size_t count = dynamic(DT_PLTRELSZ)->d_un.d_val / sizeof(*relocation);
	const ElfW(Sym) *symbols = (void *)dynamic(DT_SYMTAB)->d_un.d_ptr;
	const char *names = (void *)dynamic(DT_STRTAB)->d_un.d_ptr;
	extern const char __ehdr_start[];
	const ElfW(Ehdr) *header = (const void *)__ehdr_start;
	ElfW(Addr) base = header->e_type == ET_DYN ? (ElfW(Addr))header : 0;

	for (size_t i = 0; i < count; i++) {
		const ElfW(Sym) *symbol = &symbols[ELF64_R_SYM(relocation[i].r_info)];

		if (!strcmp(names + symbol->st_name, "library_leaf"))
			slot = (void *)(base + relocation[i].r_offset);
	}
	if (slot)
		unresolved = *slot;
}

APART static void call_library(void)
{
	int x = 0;

	for (int i = 0; i < CALLS; i++)
		x = library_leaf(x);
	__asm__ volatile("" : : "r"(x));
}

APART static void call_unresolved(void)
{
	*slot = unresolved;
	__asm__ volatile("" : : "r"(library_leaf(0)) : "memory");
}

APART static void call_back(void)
{
	is_still = true;
	library_calls(leaf);
	STAY();
}

/* plt bound|lazy|back */
int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "bound";
	bool is_lazy = !strcmp(mode, "lazy");

	is_still = false;
	find_slot();
	if (!slot)
		return 1;
	if (!strcmp(mode, "back"))
		puts("chain: " START "call_back;library_calls@library.so;leaf");
	else if (is_lazy)
		puts("chain: " START "/;call_unresolved;*@ld-linux-x86-64.so.2\n"
		     "chain: " START "call_unresolved;/;library_leaf@library.so\n"
		     "chain: " START "call_unresolved;plt");
	else
		puts("chain: " START "/;call_library;library_leaf@library.so\n"
		     "chain: " START "call_library;plt");
	say_ready();
	if (!strcmp(mode, "back"))
		call_back();
	for (;;)
		(is_lazy ? call_unresolved : call_library)();
}
