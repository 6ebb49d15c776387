/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_EMBED_H
#define EXOPROF_EMBED_H

/* Puts a file in the object, as the characters from `name` up to `name##_end`. The path is from the
 * root of the repository, where the compiler is run. What is declared takes no parentheses. */
#define EMBED(name, path)                                                        \
	__asm__(".pushsection .rodata\n"                                         \
		".global " #name "\n.hidden " #name "\n" #name ":\n"             \
		".incbin \"" path "\"\n"                                         \
		".global " #name "_end\n.hidden " #name "_end\n" #name "_end:\n" \
		".popsection\n");                                                \
	/* NOLINTNEXTLINE(bugprone-macro-parentheses) */                         \
	extern const char name[] __attribute__((visibility("hidden")));          \
	extern const char name##_end[] __attribute__((visibility("hidden")))

#endif
