/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the code that a target gets (userspace/inline/stub.S) and the programs at its probes have
 * agreed on. Macros alone: assembly includes it, too.
 *
 * Before a call that may give a sampled block back r10 is the function's cookie and r11 what there
 * is to know of the call; all else is as at the function's entry. After it, and after one that is
 * sampled, rax is what it gave, rdi the block, 0: none, rsi what was asked for, and r10 and r11 are
 * what they were. At both the return address is STUB_FRAME above rsp. While the call lasts, its own
 * return address is right below where rsp was at the probe, and leads to a few bytes behind the
 * first probe. */
#ifndef EXOPROF_STUB_PROBE_H
#define EXOPROF_STUB_PROBE_H

/* In r11. */
#define STUB_TOLD_SAMPLED  1
#define STUB_TOLD_OLD      2 /* the block that is given back may be a sampled one */

#define STUB_FRAME         56
#define STUB_RETURN_WITHIN 64

#endif
