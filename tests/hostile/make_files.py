#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a collection of hostile ELF files: make_files.py FOLDER [SMALL].

Each has a page of honest code at file offset and address 0x1000, which tests/targets/hostile.c maps
and runs: `burn` at its beginning and `call`, which calls an allocator, at 0x80. All else is meant to
do harm to who reads it. The same files each time. SMALL makes what is only large so many
times smaller, for machines that are slow. The largest files are sparse: 300 MB on the disk."""

import lzma
import os
import random
import struct
import sys
import zlib

PAGE = 0x1000
CODE = 0x1000
CALL = CODE + 0x80
DATA = 0x2000  # what follows the code

# push %rbp; mov %rsp,%rbp; mov %rdi,%rax; 1: imul %rax,%rax; dec %rdi; jnz 1b; pop %rbp; ret
BURN = bytes.fromhex("554889e54889f8" "480fafc0" "48ffcf" "75f7" "5dc3")
# push %rbp; mov %rsp,%rbp; mov %rdi,%rax; mov %rsi,%rdi; call *%rax; pop %rbp; ret
CALL_CODE = bytes.fromhex("554889e54889f84889f7ffd05dc3")

SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOTE, SHT_DYNSYM = 1, 2, 3, 4, 7, 11
SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 2, 4, 0x800
PT_LOAD, PT_NOTE, PT_GNU_EH_FRAME = 1, 4, 0x6474E550
HUGE = (1 << 64) - 1
SMALL = int(sys.argv[2]) if len(sys.argv) > 2 else 1


def u8(*values):
    return bytes(values)


def u16(*values):
    return struct.pack("<%dH" % len(values), *values)


def u32(*values):
    return struct.pack("<%dI" % len(values), *values)


def u64(*values):
    return struct.pack("<%dQ" % len(values), *values)


def leb(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Section:
    """`offset` and `size` are what the header says, where that is not the truth."""

    def __init__(self, name, data=b"", kind=SHT_PROGBITS, flags=0, addr=0, link=0, info=0,
                 entsize=0, offset=None, size=None, name_offset=None):
        self.__dict__.update(locals())


class Elf:
    def __init__(self):
        self.sections = []
        self.segments = [(PT_LOAD, 4, 0, 0, PAGE), (PT_LOAD, 5, CODE, CODE, PAGE)]
        self.header = {}  # fields that lie
        self.null_section = {}  # as where there are more sections than fit into the header
        self.length = 0  # of the file: with holes

    def add(self, name, data=b"", **fields):
        """The section's number."""
        self.sections.append(Section(name, data, **fields))
        return len(self.sections)

    def symbols(self, table, names, kind=SHT_SYMTAB, **fields):
        strings = self.add(".strtab", names, kind=SHT_STRTAB)
        return self.add(".symtab" if kind == SHT_SYMTAB else ".dynsym", table, kind=kind,
                        link=strings, entsize=24, **fields)

    def code_page(self):
        page = bytearray(PAGE)
        page[:len(BURN)] = BURN
        page[CALL - CODE:CALL - CODE + len(CALL_CODE)] = CALL_CODE
        return bytes(page)

    def write(self, path):
        body, names, headers = bytearray(), bytearray(b"\0"), []
        body += self.code_page()
        for section in self.sections + [Section(".shstrtab", kind=SHT_STRTAB)]:
            name = len(names)
            names += section.name.encode() + b"\0"
            data = section.data if section.name != ".shstrtab" else bytes(names)
            offset = CODE + len(body)
            headers.append(struct.pack(
                "<IIQQQQIIQQ", name if section.name_offset is None else section.name_offset,
                section.kind, section.flags, section.addr,
                offset if section.offset is None else section.offset,
                len(data) if section.size is None else section.size,
                section.link, section.info, 8, section.entsize))
            body += data + b"\0" * (-len(data) % 8)
        null = dict(size=0, link=0, info=0) | self.null_section
        first = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, null["size"], null["link"], null["info"],
                            0, 0)
        fields = dict(phoff=64, shoff=CODE + len(body), phnum=len(self.segments),
                      shnum=len(headers) + 1, shstrndx=len(headers), machine=62) | self.header
        ehdr = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
            "<HHIQQQIHHHHHH", 3, fields["machine"], 1, 0, fields["phoff"], fields["shoff"], 0, 64,
            56, fields["phnum"], 64, fields["shnum"], fields["shstrndx"])
        phdrs = b"".join(struct.pack("<IIQQQQQQ", kind, flags, offset, addr, addr, size, size, PAGE)
                         for kind, flags, offset, addr, size in self.segments)
        head = (ehdr + phdrs)[:PAGE]
        with open(path, "wb") as out:
            out.write(head + bytes(PAGE - len(head)) + body + first + b"".join(headers))
            if self.length:
                out.truncate(self.length)


def symbol(name, value, size, info=0x12, index=1):
    return struct.pack("<IBBHQQ", name, info, 0, index, value, size)


FILES = {}


def file(make):
    FILES[make.__name__] = make
    return make


def honest_symbols(elf, name=b"hostile_burn"):
    """Names for the code, so that it is not the want of any that ends a look."""
    names = b"\0" + name + b"\0hostile_call\0"
    table = bytes(24) + symbol(1, CODE, 0x20) + symbol(2 + len(name), CALL, 0x20)
    return elf.symbols(table, names)


# --- headers ------------------------------------------------------------------------------------


@file
def section_headers_beyond(elf):
    elf.header["shoff"] = 1 << 40


@file
def section_headers_wrap(elf):
    elf.header["shoff"] = HUGE - 63


@file
def sections_uncounted(elf):
    honest_symbols(elf)
    elf.header["shnum"] = 0
    elf.null_section["size"] = 0xFFFFFFFF


@file
def sections_uncounted_sparse(elf):
    """As many sections as the file has room for, all of them empty: 2^27 headers are 8 GiB."""
    elf.header["shnum"] = 0
    elf.null_section["size"] = 1 << 27
    elf.length = (8 << 30) + (1 << 20)


@file
def section_names_nowhere(elf):
    honest_symbols(elf)
    elf.header["shstrndx"] = 0xFFFF
    elf.null_section["link"] = 0xFFFFFFFF


@file
def section_sizes(elf):
    for size in (0, 1, HUGE, 1 << 63, 1 << 40):
        for name, kind in ((".eh_frame", SHT_PROGBITS), (".symtab", SHT_SYMTAB),
                           (".dynsym", SHT_DYNSYM), (".note.gnu.build-id", SHT_NOTE),
                           (".debug_info", SHT_PROGBITS), (".gnu_debugdata", SHT_PROGBITS)):
            elf.add(name, bytes(64), kind=kind, flags=SHF_ALLOC, size=size, link=1, entsize=24)


@file
def sections_on_each_other(elf):
    """Code, symbols, names, call-frame information and DWARF are the same bytes."""
    for name, kind in ((".text", SHT_PROGBITS), (".symtab", SHT_SYMTAB), (".strtab", SHT_STRTAB),
                       (".eh_frame", SHT_PROGBITS), (".debug_info", SHT_PROGBITS),
                       (".debug_abbrev", SHT_PROGBITS), (".debug_line", SHT_PROGBITS),
                       (".dynsym", SHT_DYNSYM), (".rela.plt", SHT_RELA), (".plt", SHT_PROGBITS)):
        elf.add(name, kind=kind, addr=CODE, offset=0, size=DATA, link=3, entsize=24)


@file
def sections_of_themselves(elf):
    for number in range(1, 5):
        elf.add(".symtab", bytes(4800), kind=SHT_SYMTAB, link=number, info=number, entsize=24)


@file
def sections_65000(elf):
    for number in range(65000):
        elf.add(".debug_info", kind=SHT_PROGBITS, offset=0, size=1 << 20, name_offset=number)


@file
def relocations_again_and_again(elf):
    """30,000 tables, all of them the same 8 GiB of the same hole."""
    strings = elf.add(".dynstr", b"\0x\0", kind=SHT_STRTAB)
    names = elf.add(".dynsym", bytes(48), kind=SHT_DYNSYM, link=strings, entsize=24)
    for _ in range(30000):
        elf.add(".rela.plt", kind=SHT_RELA, link=names, offset=1 << 30, size=7 << 30, entsize=24)
    elf.length = 8 << 30


@file
def segments_65535(elf):
    elf.segments += [(PT_LOAD, 5, CODE, i << 12, HUGE >> i % 60) for i in range(60)]
    elf.header["phnum"] = 0xFFFF
    elf.null_section["info"] = 0xFFFFFFFF


@file
def segments_everywhere(elf):
    """The code is at the top of the address space, and wraps."""
    elf.segments = [(PT_LOAD, 5, 0, HUGE - 0xFFF, HUGE), (PT_LOAD, 5, CODE, HUGE - 0x1FFF, PAGE)]
    honest_symbols(elf)


@file
def note_huge(elf):
    elf.add(".note.gnu.build-id", u32(4, 0x7FFFFFF0, 3) + b"GNU\0" + bytes(4096), kind=SHT_NOTE,
            flags=SHF_ALLOC)
    elf.segments.append((PT_NOTE, 4, DATA, DATA, HUGE))


@file
def build_id_of_8_mib(elf):
    elf.add(".note.gnu.build-id", u32(4, 8 << 20, 3) + b"GNU\0" + bytes(8 << 20), kind=SHT_NOTE,
            flags=SHF_ALLOC)


@file
def notes_without_end(elf):
    elf.add(".note", u32(0, 0, 0) * (1 << 20), kind=SHT_NOTE, flags=SHF_ALLOC)


@file
def other_machine(elf):
    honest_symbols(elf)
    elf.header["machine"] = 183


@file
def nonsense(elf):
    del elf  # written by write_nonsense()


def write_nonsense(path):
    rng = random.Random(1)
    with open(path, "wb") as out:
        out.write(b"\x7fELF\x02\x01\x01" + rng.randbytes(PAGE - 7) + Elf().code_page() +
                  rng.randbytes(1 << 20))


# --- names --------------------------------------------------------------------------------------


@file
def symbols_10_million(elf):
    """A hole of 240 MB."""
    strings = elf.add(".strtab", b"\0x\0", kind=SHT_STRTAB)
    elf.add(".symtab", kind=SHT_SYMTAB, link=strings, entsize=24, offset=1 << 20, size=240000000)
    elf.length = 250000000


@file
def symbols_of_one_place(elf):
    """A hundred thousand, each with a name of 16 MiB, which differ only in where they begin."""
    count = 100000 // SMALL
    names = b"\0" + b"a" * (16 << 20) + b"\0"
    elf.symbols(bytes(24) + b"".join(symbol(1 + i, CODE, 0x20) for i in range(count)), names)


@file
def symbols_within_each_other(elf):
    table = [symbol(1, CODE, 0x1000 + i) for i in range(200000 // SMALL)]
    table += [symbol(1, HUGE - i, HUGE) for i in range(1000)]
    elf.symbols(bytes(24) + b"".join(table), b"\0x\0")


@file
def symbol_names_nowhere(elf):
    elf.symbols(bytes(24) + symbol(0xFFFFFFFF, CODE, 0x20) + symbol(2, CALL, 0x20), b"\0abc")


@file
def symbol_name_mangled(elf):
    """Each level twice the one before: 2^40 letters."""
    name = b"_Z1fI" + b"St4pairI" * 60 + b"i" + b"iE" * 60 + b"S_" * 200 + b"Evv"
    honest_symbols(elf, name)


@file
def symbol_name_doubling(elf):
    name = b"_Z1f" + b"1a" + b"".join(b"N" + b"S%xES%xE" % (i, i) for i in range(30))
    honest_symbols(elf, name)


@file
def symbol_name_deep(elf):
    honest_symbols(elf, b"_Z1f" + b"P" * 1000000 + b"i")


@file
def symbol_name_controls(elf):
    honest_symbols(elf, b"\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>;\"\\\n\r\xff\xfe")


@file
def symbol_name_huge(elf):
    honest_symbols(elf, b"n" * (8 << 20))


@file
def allocator_nowhere(elf):
    """A malloc and a free that are not in the code, thousands of times."""
    names = b"\0malloc\0free\0calloc\0realloc\0"
    places = (0, 0x3000, HUGE, 1 << 47)
    table = [symbol(n, places[i % 4], 16) for i in range(5000) for n in (1, 8, 13, 20)]
    elf.symbols(bytes(24) + b"".join(table), names, kind=SHT_DYNSYM)


@file
def plt_nonsense(elf):
    strings = elf.add(".dynstr", b"\0x\0", kind=SHT_STRTAB)
    names = elf.add(".dynsym", bytes(48), kind=SHT_DYNSYM, link=strings, entsize=24)
    elf.add(".plt", bytes(PAGE), addr=CODE, size=HUGE, offset=CODE, entsize=1)
    elf.add(".rela.plt", u64(CODE, 0xFFFFFFFF << 32 | 7, 0) * 100000, kind=SHT_RELA, link=names,
            entsize=24)


# --- what is packed -----------------------------------------------------------------------------


def zeros(size):
    packer = zlib.compressobj(9)
    chunk = bytes(1 << 20)
    return b"".join(packer.compress(chunk) for _ in range(size >> 20)) + packer.flush()


def chdr(size):
    return u32(1, 0) + u64(size, 1)


# Just below what is read at most.
BOMB_SIZE = (800 << 20) // SMALL
BOMB = zeros(BOMB_SIZE)


@file
def bomb_that_is_afforded(elf):
    elf.add(".debug_info", chdr(BOMB_SIZE) + BOMB, flags=SHF_COMPRESSED)
    elf.add(".debug_abbrev", bytes(16))
    honest_symbols(elf)


@file
def bombs(elf):
    """32 GiB of sections."""
    for name in ("info", "abbrev", "line", "str", "ranges", "loc", "aranges", "addr") * 4:
        elf.add(".debug_" + name, chdr(1 << 30) + BOMB, flags=SHF_COMPRESSED)
    honest_symbols(elf)


@file
def bomb_of_old(elf):
    for name in ("info", "abbrev", "line"):
        elf.add(".zdebug_" + name, b"ZLIB" + struct.pack(">Q", BOMB_SIZE) + BOMB)
    honest_symbols(elf)


@file
def bomb_beside_frames(elf):
    """Whoever looks for .debug_frame has libdw unpack all that is beside it."""
    elf.add(".debug_frame", frames(1000, is_eh=False))
    for name in ("info", "abbrev", "line", "str", "ranges", "loc", "aranges", "addr"):
        elf.add(".debug_" + name, chdr(BOMB_SIZE) + BOMB, flags=SHF_COMPRESSED)
    honest_symbols(elf)


@file
def bomb_of_frames(elf):
    elf.add(".debug_frame", chdr(BOMB_SIZE) + BOMB, flags=SHF_COMPRESSED)
    elf.add(".eh_frame", chdr(BOMB_SIZE) + BOMB, flags=SHF_COMPRESSED | SHF_ALLOC)
    honest_symbols(elf)


@file
def bomb_of_lies(elf):
    for size in (HUGE, 1 << 63, 1 << 40, 0, 1):
        elf.add(".debug_info", chdr(size) + BOMB[:4096], flags=SHF_COMPRESSED)
    elf.add(".zdebug_info", b"ZLIB" + struct.pack(">Q", HUGE) + b"x")
    elf.add(".symtab", chdr(1 << 30) + BOMB, kind=SHT_SYMTAB, flags=SHF_COMPRESSED)


@file
def bomb_of_symbols(elf):
    elf.add(".gnu_debugdata", lzma.compress(bytes((512 << 20) // SMALL), preset=1))
    honest_symbols(elf)


@file
def bomb_in_a_bomb(elf):
    inner = Elf()
    inner.add(".gnu_debugdata", lzma.compress(bytes(64 << 20), preset=1))
    inner.add(".debug_info", chdr(1 << 30) + BOMB[:65536], flags=SHF_COMPRESSED)
    inner.write(PLACE + "/.inner")
    with open(PLACE + "/.inner", "rb") as packed:
        elf.add(".gnu_debugdata", lzma.compress(packed.read()))
    os.unlink(PLACE + "/.inner")


# --- DWARF --------------------------------------------------------------------------------------

DW_TAG = dict(compile_unit=0x11, subprogram=0x2E, lexical_block=0x0B, inlined=0x1D, imported=0x3D,
              partial_unit=0x3C, skeleton=0x4A)
DW_AT = dict(sibling=0x01, name=0x03, stmt_list=0x10, low_pc=0x11, high_pc=0x12, comp_dir=0x1B,
             imported=0x18, origin=0x31, specification=0x47, ranges=0x55, dwo_name=0x76)
DW_FORM = dict(addr=0x01, data4=0x06, string=0x08, ref4=0x13, ref_addr=0x10, sec_offset=0x17,
               indirect=0x16, udata=0x0F, strp=0x0E)


def abbreviations(*entries):
    """(tag, has children, (attribute, form)...)"""
    out = b""
    for number, (tag, children, *attributes) in enumerate(entries, 1):
        out += leb(number) + leb(DW_TAG[tag]) + u8(children)
        for attribute, form in attributes:
            out += leb(DW_AT[attribute]) + leb(DW_FORM[form])
        out += u8(0, 0)
    return out + u8(0)


# A unit of all the code; its functions are to follow.
UNIT = ("compile_unit", 1, ("low_pc", "addr"), ("high_pc", "data4"))
FUNCTION = ("subprogram", 1, ("low_pc", "addr"), ("high_pc", "data4"))
PLACE_OF_CODE = u64(CODE) + u32(PAGE)
UNIT_HEADER = 11


def dwarf(elf, entries, body, version=4):
    """`body` follows the unit's own entry, at offset 24."""
    head = u16(version) + u32(0) + u8(8)
    info = head + u8(1) + PLACE_OF_CODE + body
    elf.add(".debug_abbrev", abbreviations(UNIT, *entries))
    elf.add(".debug_info", u32(len(info)) + info)


BODY = UNIT_HEADER + 1 + len(PLACE_OF_CODE)


@file
def dies_deep(elf):
    """A million blocks in each other."""
    dwarf(elf, [FUNCTION, ("lexical_block", 1)], u8(2) + PLACE_OF_CODE + u8(3) * 1000000)


@file
def dies_inlined_deep(elf):
    inlined = ("inlined", 1, ("low_pc", "addr"), ("high_pc", "data4"), ("origin", "ref4"))
    dwarf(elf, [FUNCTION, inlined],
          u8(2) + PLACE_OF_CODE + (u8(3) + PLACE_OF_CODE + u32(BODY)) * 300000)


@file
def dies_wide(elf):
    """Three million functions, all of them of the same bytes."""
    dwarf(elf, [("subprogram", 0, ("low_pc", "addr"), ("high_pc", "data4"))],
          (u8(2) + PLACE_OF_CODE) * (3000000 // SMALL))


@file
def dies_of_themselves(elf):
    """A function that is its own origin, and two that are each other's."""
    function = ("subprogram", 0, ("low_pc", "addr"), ("high_pc", "data4"), ("origin", "ref4"),
                ("specification", "ref4"))
    size = 1 + len(PLACE_OF_CODE) + 8
    dwarf(elf, [function], u8(2) + PLACE_OF_CODE + u32(BODY, BODY) +
          u8(2) + PLACE_OF_CODE + u32(BODY + 2 * size, BODY + 2 * size) +
          u8(2) + PLACE_OF_CODE + u32(BODY + size, BODY + size))


@file
def dies_with_siblings_before(elf):
    block = ("lexical_block", 1, ("sibling", "ref4"))
    dwarf(elf, [FUNCTION, block], u8(2) + PLACE_OF_CODE + (u8(3) + u32(BODY)) * 1000 +
          u8(3) + u32(0xFFFFFFFF) + u8(0) * 1002)


@file
def dies_imported_in_a_circle(elf):
    dwarf(elf, [("imported", 0, ("imported", "ref4"))], (u8(2) + u32(UNIT_HEADER)) * 100000)


@file
def dies_of_indirect_forms(elf):
    function = ("subprogram", 0, ("low_pc", "indirect"))
    dwarf(elf, [function], u8(2) + leb(DW_FORM["indirect"]) * 1000000 + leb(1) + u64(CODE))


@file
def abbreviations_many(elf):
    one = u8(0x2E, 0, 0, 0)
    count = 2000000 // SMALL
    elf.add(".debug_abbrev", abbreviations(UNIT)[:-1] +
            b"".join(leb(n) + one for n in range(2, count)))
    info = u16(4) + u32(0) + u8(8) + u8(1) + PLACE_OF_CODE + leb(count - 1) * 1000
    elf.add(".debug_info", u32(len(info)) + info)


@file
def abbreviations_of_attributes(elf):
    """One entry with a million attributes, which take no bytes."""
    elf.add(".debug_abbrev", abbreviations(UNIT)[:-1] + u8(2, 0x2E, 0) +
            (leb(0x2001) + leb(0x19)) * 1000000 + u8(0, 0, 0))
    info = u16(4) + u32(0) + u8(8) + u8(1) + PLACE_OF_CODE + u8(2) * 100000
    elf.add(".debug_info", u32(len(info)) + info)


@file
def units_many(elf):
    one = u16(4) + u32(0) + u8(8) + u8(1) + PLACE_OF_CODE + u8(0)
    elf.add(".debug_abbrev", abbreviations(UNIT))
    elf.add(".debug_info", (u32(len(one)) + one) * (300000 // SMALL))


@file
def units_of_wrong_length(elf):
    elf.add(".debug_abbrev", abbreviations(UNIT))
    for length in (0xFFFFFFFF, 0xFFFFFFF0, 0, 1, 0x7FFFFFFF):
        elf.add(".debug_info", u32(length) + u64(HUGE) + u16(4) + u32(0) + u8(8, 1) + PLACE_OF_CODE)
    elf.add(".debug_types", u32(0xFFFFFFFF) + u64(HUGE - 8) + u16(4))


@file
def ranges_many(elf):
    unit = ("compile_unit", 0, ("low_pc", "addr"), ("ranges", "sec_offset"))
    info = u16(4) + u32(0) + u8(8) + u8(1) + u64(CODE) + u32(0)
    elf.add(".debug_abbrev", abbreviations(unit))
    elf.add(".debug_info", u32(len(info)) + info)
    count = 10000000 // SMALL
    elf.add(".debug_ranges", chdr(16 * count) + zlib.compress(u64(0, 16) * count, 9),
            flags=SHF_COMPRESSED)


@file
def ranges_nonsense(elf):
    unit = ("compile_unit", 0, ("low_pc", "addr"), ("ranges", "sec_offset"))
    info = u16(5) + u8(1, 8) + u32(0) + u8(1) + u64(CODE) + u32(12)
    elf.add(".debug_abbrev", abbreviations(unit))
    elf.add(".debug_info", u32(len(info)) + info)
    # Start and length by an index far away, without an end; then offsets that lead back.
    elf.add(".debug_rnglists", u32(0xFFFFFFF0) + u16(5) + u8(8, 0) + u32(0x40000000) +
            (u8(3) + b"\xff" * 9 + u8(1) + b"\xff" * 9 + u8(1)) * 100000)
    elf.add(".debug_aranges", u32(0xFFFFFFFF) + u64(HUGE) + u16(2) + u32(0) + u8(8, 0) +
            u64(CODE, HUGE) * 100000)
    elf.add(".debug_addr", u32(8) + u16(5) + u8(8, 0))


def with_lines(elf, program, **fields):
    unit = ("compile_unit", 0, ("low_pc", "addr"), ("high_pc", "data4"), ("stmt_list", "sec_offset"))
    info = u16(4) + u32(0) + u8(8) + u8(1) + PLACE_OF_CODE + u32(0)
    head = u8(1, 1, 1, 0xFB, 14, 13) + u8(0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1) + u8(0) + b"x.c\0\0\0\0\0"
    rest = u16(4) + u32(len(head)) + head + program
    elf.add(".debug_abbrev", abbreviations(unit))
    elf.add(".debug_info", u32(len(info)) + info)
    elf.add(".debug_line", u32(fields.get("length", len(rest))) + rest)


SET_ADDRESS = u8(0, 9, 2) + u64(CODE)


@file
def lines_many(elf):
    """A row a byte, just below what is read."""
    with_lines(elf, SET_ADDRESS + u8(32) * (8000000 // SMALL) + u8(0, 1, 1))


@file
def lines_backwards(elf):
    with_lines(elf, (SET_ADDRESS + u8(1)) * (600000 // SMALL))


@file
def lines_of_a_bomb(elf):
    unit = ("compile_unit", 0, ("low_pc", "addr"), ("high_pc", "data4"), ("stmt_list", "sec_offset"))
    info = u16(4) + u32(0) + u8(8) + u8(1) + PLACE_OF_CODE + u32(0)
    elf.add(".debug_abbrev", abbreviations(unit))
    elf.add(".debug_info", u32(len(info)) + info)
    elf.add(".debug_line", chdr(BOMB_SIZE) + BOMB, flags=SHF_COMPRESSED)


@file
def lines_longer_than_they_are(elf):
    with_lines(elf, SET_ADDRESS + u8(0) + leb(HUGE >> 1) + u8(2), length=0x00FFFFFF)


@file
def lines_of_many_files(elf):
    """A table of files of version 5 that counts 2^63 of them."""
    unit = ("compile_unit", 0, ("low_pc", "addr"), ("high_pc", "data4"), ("stmt_list", "sec_offset"))
    info = u16(5) + u8(1, 8) + u32(0) + u8(1) + PLACE_OF_CODE + u32(0)
    head = u8(1, 1, 1, 0xFB, 14, 13) + u8(0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1) + \
        u8(0) + leb(1 << 62) + u8(0) + leb(1 << 62)
    rest = u16(5) + u8(8, 0) + u32(len(head)) + head
    elf.add(".debug_abbrev", abbreviations(unit))
    elf.add(".debug_info", u32(len(info)) + info)
    elf.add(".debug_line", u32(len(rest)) + rest)


def split(elf, name):
    unit = ("compile_unit", 0, ("low_pc", "addr"), ("high_pc", "data4"), ("dwo_name", "string"))
    head = u16(5) + u8(4, 8) + u32(0) + u64(1) + u8(1) + PLACE_OF_CODE + name + b"\0"
    elf.add(".debug_abbrev", abbreviations(unit))
    elf.add(".debug_info", u32(len(head)) + head)


@file
def split_off_to_a_pipe(elf):
    split(elf, b"a_pipe")


@file
def split_off_to_a_device(elf):
    split(elf, b"/dev/zero")


@file
def split_off_to_a_secret(elf):
    split(elf, b"../../../../../../../../etc/shadow")


# --- other files ----------------------------------------------------------------------------------


@file
def debug_link_to_a_secret(elf):
    elf.add(".gnu_debuglink", b"../../../../../../../../etc/shadow\0\0" + u32(0))


@file
def debug_link_to_a_pipe(elf):
    elf.add(".gnu_debuglink", b"a_pipe\0\0" + u32(0))


@file
def debug_link_to_itself(elf):
    elf.add(".gnu_debuglink", b"debug_link_to_itself.elf\0\0\0\0" + u32(0))


@file
def debug_link_without_end(elf):
    elf.add(".gnu_debuglink", b"a" * (1 << 20))


@file
def debug_link_to_a_link(elf):
    elf.add(".gnu_debuglink", b"a_link\0\0" + u32(0))


@file
def alt_link_to_a_pipe(elf):
    dwarf(elf, [FUNCTION], u8(2) + PLACE_OF_CODE)
    elf.add(".gnu_debugaltlink", b"a_pipe\0" + bytes(range(20)))


@file
def alt_link_to_a_secret(elf):
    dwarf(elf, [FUNCTION], u8(2) + PLACE_OF_CODE)
    elf.add(".gnu_debugaltlink", b"/etc/shadow\0" + bytes(200000))


# --- call-frame information -----------------------------------------------------------------------


def cie(is_eh, augmentation=b"zR", data=u8(0x00), program=u8(0x0C, 7, 8, 0x90, 1)):
    body = u32(0 if is_eh else 0xFFFFFFFF) + u8(1) + augmentation + b"\0" + leb(1) + u8(0x78, 16)
    if augmentation.startswith(b"z"):
        body += leb(len(data)) + data
    body += program
    body += bytes(-(len(body) + 4) % 8)
    return u32(len(body)) + body


def frames(count, is_eh=True, step=0, first=CODE, size=0x20, program=b""):
    """`count` functions of absolute addresses."""
    out = bytearray(cie(is_eh) if is_eh else cie(False, b"", b""))
    for i in range(count):
        body = u32(len(out) + 4 if is_eh else 0) + u64(first + i * step, size)
        body += (u8(0) if is_eh else b"") + program
        body += bytes(-(len(body) + 4) % 8)
        out += u32(len(body)) + body
    return bytes(out)


def eh_frame(elf, data, **fields):
    elf.add(".eh_frame", data, flags=SHF_ALLOC, addr=0x100000, **fields)


@file
def frames_many(elf):
    eh_frame(elf, frames(1000000 // SMALL, step=1, size=1))


@file
def frames_far_apart(elf):
    """A function in each page of 64 KiB of 3 GiB."""
    elf.segments.append((PT_LOAD, 5, 0x10000, 0x10000, 3 << 30))
    eh_frame(elf, frames(49152, step=0x10000, size=0x8000))


@file
def frames_far_apart_again(elf):
    elf.add(".note", bytes(16))
    frames_far_apart(elf)


@file
def frames_of_many_rules(elf):
    """60,000 rules, each another one."""
    programs = (u8(0x0E) + leb(16 + 8 * i) for i in range(60000))
    out = bytearray(cie(True))
    for i, program in enumerate(programs):
        body = u32(len(out) + 4) + u64(CODE + i, 1) + u8(0) + program
        body += bytes(-(len(body) + 4) % 8)
        out += u32(len(body)) + body
    eh_frame(elf, bytes(out))


@file
def frames_everywhere(elf):
    eh_frame(elf, frames(1, first=0, size=HUGE) + frames(1, first=1 << 63, size=1 << 62) +
             frames(1, first=HUGE, size=HUGE))


@file
def frames_of_themselves(elf):
    """Functions whose common part is themselves, or the one before."""
    eh_frame(elf, (u32(20, 4) + u64(CODE, 0x20)) * 100000)


@file
def frames_of_long_programs(elf):
    eh_frame(elf, frames(200, step=0x10, size=0x10, program=u8(0x41, 0x0E, 8) * (100000 // SMALL)))


@file
def frames_that_remember(elf):
    eh_frame(elf, frames(1000, step=1, size=1, program=u8(0x0A) * 4000))


@file
def frames_of_many_letters(elf):
    eh_frame(elf, cie(True, b"z" + b"P" * 60000, bytes(60000)) + frames(1))


@file
def frames_of_huge_data(elf):
    eh_frame(elf, cie(True, b"zR", u8(0) + bytes(1 << 20)) + frames(10))


@file
def frames_cut(elf):
    eh_frame(elf, frames(100)[:-9])


@file
def frames_of_nothing(elf):
    eh_frame(elf, u32(0) * (4 << 20))


@file
def frames_of_a_hole(elf):
    """6 GiB of it."""
    elf.add(".eh_frame", flags=SHF_ALLOC, addr=0x100000, offset=1 << 30, size=6 << 30)
    elf.length = 8 << 30


@file
def frames_by_expression(elf):
    block = u8(0x77, 8) + u8(0x06) * 60000
    eh_frame(elf, frames(100, step=0x10, size=0x10, program=u8(0x0F) + leb(len(block)) + block))


@file
def frame_headers_nonsense(elf):
    elf.add(".eh_frame_hdr", u8(1, 0x1B, 0x03, 0x3B) + u32(0x100, 0x7FFFFFFF) + bytes(64),
            flags=SHF_ALLOC, addr=0x200000)
    elf.segments.append((PT_GNU_EH_FRAME, 4, DATA, 0x200000, 1 << 40))
    eh_frame(elf, frames(10))


# --- whole files ----------------------------------------------------------------------------------


@file
def everything_in_a_hole(elf):
    """8 GiB, all tables in the hole."""
    for name, kind in ((".eh_frame", SHT_PROGBITS), (".symtab", SHT_SYMTAB), (".dynsym", SHT_DYNSYM),
                       (".debug_info", SHT_PROGBITS), (".debug_abbrev", SHT_PROGBITS),
                       (".debug_line", SHT_PROGBITS), (".note.gnu.build-id", SHT_NOTE),
                       (".gnu_debugdata", SHT_PROGBITS), (".gnu_debuglink", SHT_PROGBITS)):
        elf.add(name, kind=kind, flags=SHF_ALLOC, offset=1 << 30, size=4 << 30, link=1, entsize=24)
    elf.length = 8 << 30


@file
def cut_behind_the_code(elf):
    """The target does that, again and again, while the file is mapped and read."""
    honest_symbols(elf)
    eh_frame(elf, frames(20000))
    dwarf(elf, [("subprogram", 0, ("low_pc", "addr"), ("high_pc", "data4"))],
          (u8(2) + PLACE_OF_CODE) * 100000)


PLACE = sys.argv[1]


def main():
    os.makedirs(PLACE, exist_ok=True)
    for name, make in FILES.items():
        elf = Elf()
        make(elf)
        elf.write("%s/%s.elf" % (PLACE, name))
    write_nonsense(PLACE + "/nonsense.elf")
    os.mkfifo(PLACE + "/a_pipe")
    os.symlink("/etc/shadow", PLACE + "/a_link")
    print(len(FILES))


main()
