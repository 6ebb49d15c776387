/* SPDX-License-Identifier: Apache-2.0 */
/* What lies where in the memory that a target gets: code and data in one piece, so that the code
 * finds all of it by its distance. For C and for assembly. */
#ifndef EXOPROF_STUB_LAYOUT_H
#define EXOPROF_STUB_LAYOUT_H

#include "stub_probe.h"

/* Code, private, readable and executable, of a file in memory. */
#define STUB_TEXT_BYTES      0x10000
#define STUB_SHARED_AT       0x200  /* behind the headers of an ELF file, which it is to others */
#define STUB_FRAMES_AT       0xc000 /* call-frame information, behind all slots */
#define STUB_TABLE_AT        0xf000 /* struct stub_table: what it replaces, for who takes it out */
#define STUB_SLOT_ALIGNMENT  16
#define STUB_SLOT_BYTES_MAX  640
#define STUB_SLOTS_MAX       192

/* Data of its own, private, readable and writable. */
#define STUB_RECORDS_AT      0x10000 /* one a function */
#define STUB_RECORD_BYTES    32
#define STUB_OWN_BYTES       0x12000 /* text and records */

/* The books: what all stubs of a process have together, for a block that one gives out another may
 * take back. Behind the first one; of what is never touched there is no page. From their beginning:
 */
#define STUB_GLOBALS_AT      0
#define STUB_GAPS_AT         0x1000 /* bytes until the next sample, drawn ahead */
#define STUB_GAPS            4096
#define STUB_STRIPES_AT      0x9000
#define STUB_STRIPES         4096
#define STUB_STRIPE_BYTES    64
#define STUB_COUNTS_AT       0x49000 /* of blocks in each bucket, a byte each */
#define STUB_BUCKET_BITS_MAX 20
#define STUB_BUCKETS_AT      0x149000
#define STUB_BUCKET_BYTES    64 /* of 8 addresses of sampled blocks, 0: none */

/* Globals: a page that the kernel clears in a child (MADV_WIPEONFORK). */
#define STUB_GLOBALS_BYTES   0x1000
#define STUB_SAFE_SIZE       0  /* a request of no more than that is not refused */
#define STUB_INCREMENT       8  /* of the generator, odd */
#define STUB_PROBED          16 /* byte, 1: it is the process that was given the stub, not a child */

/* A function's record. */
#define STUB_RECORD_COOKIE   0  /* as the kernel side has it */
#define STUB_RECORD_COPY     8  /* address: the function's beginning, not by way of a stub */
#define STUB_RECORD_CALLED   16 /* times that its return was waited for */
#define STUB_RECORD_INSIDE   20 /* of these, not over */
#define STUB_RECORD_MODE     24 /* byte, not 0: each call's return is waited for */
#define STUB_RECORD_NESTS    25 /* byte, 1: it has called another one */
#define STUB_RECORD_FLAGS    26 /* byte */
#define STUB_RECORD_CALL     27 /* byte: enum wire_heap_call */

#define STUB_FLAG_THROWS     1
#define STUB_FLAG_TAKES_OLD  2

/* A stripe: for the threads whose control block's address leads there. */
#define STUB_LEFT            0  /* bytes until the next sample */
#define STUB_CALLS           8  /* of functions that give out memory */
#define STUB_RANDOM          16 /* the generator's state; 0: nothing is drawn yet */
#define STUB_MARKER          24 /* where the return address of a call that is waited for is; or 0 */
#define STUB_NESTED          32 /* samples that were not taken: of calls made by another */
#define STUB_TOO_LARGE       40 /* the same, of requests that may be refused by an exception */
#define STUB_TOO_LARGE_BYTES 48
#define STUB_SAMPLED         56 /* samples that were taken */

/* A multiplicative hash (Knuth), odd, of 32 bits. */
#define STUB_HASH            0x61c88647

#endif
