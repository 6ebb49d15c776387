/* SPDX-License-Identifier: Apache-2.0 */
/* An ELF file whose symbols and DWARF are read. It is mapped, not read: of 100 MB of DWARF the
 * pages that a profile's addresses lead to are some, and those are the page cache's, which the
 * kernel takes back when it needs to and elf_image__forget_pages() gives back at once; what read(2)
 * copies would be ours until the file is closed. The price is SIGBUS where the file is cut short
 * under our hands: elf_image__survive_truncation() makes it read zeros there. */
#ifndef EXOPROF_ELF_IMAGE_H
#define EXOPROF_ELF_IMAGE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>

struct elf_image;

/* The image of a program or a library for x86-64, or of their debug file; what else there is, and
 * what would cost libelf more than it is worth, is refused: NULL with errno EBADMSG. Takes over the
 * fd, also where it fails. */
struct elf_image *elf_image__open(int fd);

/* The same for what only has a part of another's DWARF, as dwz writes it: it may have no addresses,
 * as object files have none. One that names a further part is refused: libdw would open that by
 * itself. */
struct elf_image *elf_image__open_part(int fd);

/* The same, of bytes in memory. They are free()d with it, also where it fails. */
struct elf_image *elf_image__of_bytes(void *bytes, size_t size);
void elf_image__close(struct elf_image *image); /* NULL is fine */

/* Whether elf_image__open_part() would take what is open there. The fd stays the caller's. */
bool elf_image__is_part(int fd);

Elf *elf_image__elf(const struct elf_image *image);
int elf_image__fd(const struct elf_image *image); /* -1: it is in memory */

/* The bytes of the first section of that name, its header in `shdr`; NULL where there are none, and
 * where they are compressed. */
Elf_Data *elf_image__section(const struct elf_image *image, const char *name, GElf_Shdr *shdr);

/* The strings of section `index`; NULL unless the last of them ends. A string is within them if it
 * begins before `size`. */
const char *elf_image__strings(const struct elf_image *image, size_t index, size_t *size);

/* Whether DWARF is in it. */
bool elf_image__has_dwarf(const struct elf_image *image);

/* What it keeps in our own memory: bytes given to it, and what was decompressed. */
size_t elf_image__bytes(const struct elf_image *image);

/* Gives back what of the mapped file is in our memory. It is read again when it is needed. */
void elf_image__forget_pages(struct elf_image *image);

/* From now on, what a mapped file no longer has reads as zeros to a thread between
 * elf_image__begin_reads() and elf_image__end_reads(). They go by thread and not by the ranges that
 * are mapped, as libelf reads a file before it tells where, and libdw maps more by itself. SIGBUS
 * for another reason, of another thread or in exoprof's own code and data ends the process as ever.
 * For the whole process: SIGBUS has one handler. */
void elf_image__survive_truncation(void);
void elf_image__begin_reads(void); /* may be nested */
void elf_image__end_reads(void);

#endif
