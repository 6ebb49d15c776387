/* SPDX-License-Identifier: Apache-2.0 */
/* A file that the target has mapped: its identity, its segments and the symbols it exports. The
 * target chose every byte of it; it is read through libelf, by read(2) rather than mmap(2), so that
 * a file cut short under our hands gives an error and no SIGBUS. */
#ifndef EXOPROF_ELF_FILE_H
#define EXOPROF_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/root.h"

struct elf_file;

/* What tells one file on disk from another, and from what it held before it was last written to. No
 * padding: may be hashed. */
struct file_stamp {
	uint64_t device, inode, size;
	int64_t mtime_ns, ctime_ns;
};

int file_stamp__read(int fd, struct file_stamp *stamp); /* 0 or -errno */

/* As the kernel knows it already: no file system is asked, which might not answer. 0 or -errno. */
int file_stamp__known(int fd, struct file_stamp *stamp);

/* Takes over `fd`, also where it fails; `name` is copied. A file that is not ELF is a fine one that
 * has no segments. NULL with errno set where memory is short. */
struct elf_file *elf_file__open(int fd, const char *name);

/* Shared between threads: counted. */
struct elf_file *elf_file__get(struct elf_file *file);
void elf_file__put(struct elf_file *file); /* NULL is fine */

/* Whether somebody else has a reference, too. Where nobody has, nobody can get one behind the
 * caller's back. */
bool elf_file__is_shared(const struct elf_file *file);

int elf_file__fd(const struct elf_file *file);
const char *elf_file__name(const struct elf_file *file);     /* as the target calls it */
const char *elf_file__build_id(const struct elf_file *file); /* hex, "" where there is none */

/* Where the target's paths begin, for what belongs to this file and is found by path. A reference
 * of its own is held. NULL, at first: unknown. Not to be set once the file is shared. */
void elf_file__set_root(struct elf_file *file, struct root *root);
const struct root *elf_file__root(const struct elf_file *file);

/* As of when it was opened; all 0 where unknown. */
const struct file_stamp *elf_file__stamp(const struct elf_file *file);

/* Whether both are one file on disk. */
bool elf_file__is_same(const struct elf_file *a, const struct elf_file *b);

/* Whether that path leads to it. */
bool elf_file__is_at(const struct elf_file *file, const char *path);

/* The address that the file's own headers give to the byte at this offset; false where no segment
 * holds it. */
bool elf_file__vaddr(const struct elf_file *file, uint64_t file_offset, uint64_t *vaddr);

/* The address that the headers give to where a mapping of code begins. A mapping begins at a page,
 * the segment in it perhaps later. False where the offset belongs to no executable segment. */
bool elf_file__code_vaddr(const struct elf_file *file, uint64_t file_offset, uint64_t *vaddr);

/* Where in the file the executable segment ends in which that is; a mapping of it goes on to the
 * end of the page. False as above. */
bool elf_file__code_end(const struct elf_file *file, uint64_t file_offset, uint64_t *end);

struct elf_function {
	const char *name; /* as long as the call */
	uint64_t file_offset;
	uint64_t size;    /* bytes of its code; 0: the file does not say */
	bool is_exported; /* in the dynamic symbol table, where other files find it */
};

/* Calls `each` for every function of x86-64 code that the file defines, those of the dynamic symbol
 * table first. 0, or -EBADMSG for a file that cannot be read. */
int elf_file__each_function(const struct elf_file *file,
			    void (*each)(void *context, const struct elf_function *function),
			    void *context);

/* Up to `size` bytes from there. Gives how many; 0 past the end or where reading fails. */
size_t elf_file__read(const struct elf_file *file, uint64_t file_offset, void *buffer, size_t size);

#endif
