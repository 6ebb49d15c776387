// SPDX-License-Identifier: Apache-2.0
#include "unwind/frame_section.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/elf_section.h"

/* libLLVM, of 110 MB, has 6 MB of it. */
#define SECTION_MAX (256ULL << 20)

static const char names[] = "\0.debug_frame\0.shstrtab";

/* An ELF file of nothing else. Its bytes follow. */
struct headers {
	Elf64_Ehdr ehdr;
	Elf64_Shdr sections[3];
	char names[sizeof(names)];
};

struct frame_section {
	Elf *elf;
	Dwarf *dwarf;
	char *bytes;
};

bool frame_section__is_affordable(Elf_Scn *section)
{
	GElf_Shdr shdr;
	GElf_Chdr chdr;

	if (!gelf_getshdr(section, &shdr) || shdr.sh_size > SECTION_MAX)
		return false;
	return !(shdr.sh_flags & SHF_COMPRESSED) ||
	       (gelf_getchdr(section, &chdr) && chdr.ch_size <= SECTION_MAX);
}

Elf_Data *frame_section__data(Elf_Scn *section)
{
	Elf_Data *data;
	GElf_Shdr shdr;

	if (!frame_section__is_affordable(section) || !gelf_getshdr(section, &shdr) ||
	    (shdr.sh_flags & SHF_COMPRESSED && elf_compress(section, 0, 0) < 0))
		return NULL;
	data = elf_rawdata(section, NULL);
	return data && data->d_buf && data->d_size ? data : NULL;
}

static struct headers headers_of(const Elf_Data *data)
{
	struct headers headers = {
		.ehdr =
			{
                               .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
					    EV_CURRENT},
                               .e_type = ET_DYN,
                               .e_machine = EM_X86_64,
                               .e_version = EV_CURRENT,
                               .e_shoff = offsetof(struct headers, sections),
                               .e_ehsize = sizeof(Elf64_Ehdr),
                               .e_shentsize = sizeof(Elf64_Shdr),
                               .e_shnum = 3,
                               .e_shstrndx = 2,
			       },
	};

	headers.sections[1] = (Elf64_Shdr){
		.sh_name = 1,
		.sh_type = SHT_PROGBITS,
		.sh_offset = sizeof(headers),
		.sh_size = data->d_size,
		.sh_addralign = 1,
	};
	headers.sections[2] = (Elf64_Shdr){
		.sh_name = sizeof("\0.debug_frame"),
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct headers, names),
		.sh_size = sizeof(names),
		.sh_addralign = 1,
	};
	memcpy(headers.names, names, sizeof(names));
	return headers;
}

static int open_copy(struct frame_section *alone, const Elf_Data *data)
{
	struct headers headers = headers_of(data);

	alone->bytes = malloc(sizeof(headers) + data->d_size);
	if (!alone->bytes)
		return -ENOMEM;
	memcpy(alone->bytes, &headers, sizeof(headers));
	memcpy(alone->bytes + sizeof(headers), data->d_buf, data->d_size);
	alone->elf = elf_memory(alone->bytes, sizeof(headers) + data->d_size);
	alone->dwarf = alone->elf ? dwarf_begin_elf(alone->elf, DWARF_C_READ, NULL) : NULL;
	return alone->dwarf ? 0 : -EBADMSG;
}

struct frame_section *frame_section__open(Elf *elf)
{
	GElf_Shdr shdr;
	Elf_Scn *section = elf_section__find(elf, ".debug_frame", &shdr);
	Elf_Data *data = section ? frame_section__data(section) : NULL;
	struct frame_section *alone;
	int err;

	if (!data) {
		errno = ENOENT;
		return NULL;
	}
	alone = calloc(1, sizeof(*alone));
	if (!alone)
		return NULL;
	err = open_copy(alone, data);
	if (!err)
		return alone;
	frame_section__close(alone);
	errno = -err;
	return NULL;
}

void frame_section__close(struct frame_section *alone)
{
	if (!alone)
		return;
	dwarf_end(alone->dwarf);
	elf_end(alone->elf);
	free(alone->bytes);
	free(alone);
}

Dwarf_CFI *frame_section__cfi(const struct frame_section *alone)
{
	return dwarf_getcfi(alone->dwarf);
}
