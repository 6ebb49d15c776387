/* SPDX-License-Identifier: Apache-2.0 */
/* The code that a target gets, as data of exoprof's: what all functions share, and a template for
 * each way of asking for memory. stub_image.c puts it together.
 *
 * A function that is followed begins with a jump to its slot. What the slot has done when it goes
 * on with the function's own instructions: counted bytes down, or looked whether the block that is
 * freed may be a sampled one. It takes r10, r11 and the flags for that, which no caller expects
 * back and no callee of the C ABI is given; it writes nothing to the stack, but to the stripe of its
 * thread. Two threads on one stripe may take each other's count for theirs, which costs accuracy
 * alone.
 *
 * A slot of what gives out memory:
 *	slow:  on the way to the shared part
 *	entry: count down, then
 *	       the instructions that the jump covers, and a jump behind them
 *	copy:  the function's beginning
 * The shared part, for one call in many: it draws the next gap, and calls the function by its copy,
 * so that it is there when that returns, as the caller of it. The probes are nops otherwise.
 */
#include "inline/stub_layout.h"

/* enum wire_heap_call */
#define CALL_REALLOCF       3
#define CALL_RESIZE         5
#define CALL_POSIX_MEMALIGN 7

	.intel_syntax noprefix
	.section .rodata.stub_fixes, "a", @progbits
	.balign 4
stub_fixes:
	.section .rodata.stub, "a", @progbits
	.balign 64

/* --- what stub_image.c has to see to ------------------------------------------------------------ */

#define FIX_DISTANCE 0 /* 32 bits: from here to what is not in the slot */
#define FIX_RECORD   1 /* 32 bits: from here to the function's record */
#define FIX_DEPTH    2 /* 32 bits: what has been taken from the stack before the jump */
#define FIX_SHIFT    3 /* 8 bits: 32, less the bits of a bucket's number */
#define FIX_BOOKS    4 /* 64 bits: the address of the books */

/* The field begins so many bytes before here. */
	.macro fix kind, back
	.pushsection .rodata.stub_fixes, "a", @progbits
	.long 998f - image - \back, \kind
	.popsection
998:
	.endm

/* Linux 6.18 has a probe on five bytes of nothing call code in a mapping of its own
 * ([uprobes-trampoline]), of which a child gets the call and not the mapping: there a child goes by. */
	.macro unless_child register, past
	books \register, STUB_GLOBALS_AT
	cmp byte ptr [\register + STUB_PROBED], 0
	je \past
	.endm

/* The address of what is so far into the books, which may be anywhere. */
	.macro books register, at
	movabs \register, \at
	fix FIX_BOOKS, 8
	.endm

	.macro hash register
	shr \register, 4
	imul \register\()d, \register\()d, STUB_HASH
	shr \register\()d, 12
	fix FIX_SHIFT, 1
	.endm

	.globl stub_shared, stub_shared_end, stub_probe_entry, stub_probe_return, stub_probe_free
	.set image, stub_shared - STUB_SHARED_AT
stub_shared:

/* A call's return address stays on the stack below where it was returned to, where it would look, to
 * who takes the stub out, as if somebody might return there still. */
	.macro no_trace
	mov qword ptr [rsp - 8], 0
	.endm

/* --- the set of sampled blocks -------------------------------------------------------------------- */

/* A bucket that was full once may have had more blocks than it has places for: its count has this
 * bit ever since, and whether a block is in it is for the kernel side to know. */
#define OVERFLOWN    0x80

#define TAKE_GONE    0
#define TAKE_FOUND   1
#define TAKE_UNKNOWN 2

/* Takes the address in rdi out of the bucket r10d. r10d: what came of it. Uses r11. */
take:
	test rdi, rdi
	jz 4f
	push rax
	push rcx
	books r11, STUB_COUNTS_AT
	lea rcx, [r11 + r10]
	shl r10, 6
	books r11, STUB_BUCKETS_AT
	add r11, r10
	mov eax, STUB_BUCKET_BYTES / 8
1:	cmp [r11], rdi
	je 2f
	add r11, 8
	dec eax
	jnz 1b
	xor r10d, r10d
	cmp byte ptr [rcx], OVERFLOWN
	jb 3f
	mov r10d, TAKE_UNKNOWN
	jmp 3f
	/* Another thread may free it, too, by mistake: one of the two has it. */
2:	mov rax, rdi
	xor r10d, r10d
	lock cmpxchg [r11], r10
	jne 3f
	lock dec byte ptr [rcx]
	mov r10d, TAKE_FOUND
3:	pop rcx
	pop rax
	ret
4:	xor r10d, r10d
	ret

/* Puts the address in rdi into its bucket. Uses rax, rcx, r10, r11. */
put:
	mov r10, rdi
	hash r10
	books r11, STUB_COUNTS_AT
	lea rcx, [r11 + r10]
	shl r10, 6
	books r11, STUB_BUCKETS_AT
	add r11, r10
	mov r10d, STUB_BUCKET_BYTES / 8
1:	xor eax, eax
	lock cmpxchg [r11], rdi
	je 2f
	add r11, 8
	dec r10d
	jnz 1b
	lock or byte ptr [rcx], OVERFLOWN
	ret
2:	lock inc byte ptr [rcx]
	ret

/* What a slot calls for a block, in rdi, whose bucket r10d is not empty. */
freed:
	call take
	no_trace
	test r10d, r10d
	jz 1f
	unless_child r10, 1f
stub_probe_free:
	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
1:	ret

/* --- sampling -------------------------------------------------------------------------------------- */

/* Draws the next gap of the stripe r11. Uses rax. */
draw:
	push r10
	mov rax, 6364136223846793005 /* Knuth's, for 64 bits (MMIX) */
	imul rax, [r11 + STUB_RANDOM]
	books r10, STUB_GLOBALS_AT
	add rax, [r10 + STUB_INCREMENT]
	mov [r11 + STUB_RANDOM], rax
	shr rax, 52 /* the best of its bits: one of STUB_GAPS */
	books r10, STUB_GAPS_AT
	mov rax, [r10 + rax * 8]
	mov [r11 + STUB_LEFT], rax
	pop r10
	ret

/* eax: whether the call was made by one whose return is waited for, which is the case where that
 * one's return address, into the shared part, still is: where this call's is, or above, the stack
 * growing down. It may be into another stub of the process, which lies on pages as this one does,
 * and the stripe, which the frame tells, another thread's too, whose stack is elsewhere. */
#define NESTED_WITHIN (16 << 10)
#define STRIPE_ABOVE  40 /* the marked place */

is_nested:
	push r10
	mov rax, [r11 + STUB_MARKER]
	mov r10, rax
	sub r10, rsp
	sub r10, 24 /* r10 and two return addresses, but not this call's own; its size */
	cmp r10, NESTED_WITHIN
	ja 1f
	cmp [rax + STRIPE_ABOVE], r11
	jne 1f
	lea r10, [rip + returned]
	xor r10d, [rax]
	test r10d, 0xfff
	jnz 1f
	mov eax, 1
	pop r10
	ret
1:	xor eax, eax
	pop r10
	ret

/* --- a call whose return is waited for ------------------------------------------------------------- */

/* From a slot, as the function was called, but for the size on the stack. r10: the record, r11: the
 * stripe, eax: STUB_TOLD_SAMPLED if the gap is over, else 0. */
alloc:
	/* The caller's return address is at rsp + 8. */
	test eax, eax
	jz 3f
	cmp qword ptr [r11 + STUB_RANDOM], 0
	jne 1f
	/* The thread's first call: there was no gap. */
	mov [r11 + STUB_RANDOM], r11
	call draw
	no_trace
	mov rax, [rsp]
	sub [r11 + STUB_LEFT], rax
	mov eax, 0
	ja 3f
1:	call draw
	no_trace
	/* What is left of a gap is distributed as a whole one, so that a call which is counted twice,
	 * by its caller and by itself, does no harm as long as it is sampled once at most. */
	call is_nested
	no_trace
	test eax, eax
	jz 2f
	inc qword ptr [r11 + STUB_NESTED]
	xor eax, eax
	jmp 3f
2:	test byte ptr [r10 + STUB_RECORD_FLAGS], STUB_FLAG_THROWS
	jz 7f
	books rax, STUB_GLOBALS_AT
	mov rax, [rax + STUB_SAFE_SIZE]
	cmp [rsp], rax
	jbe 7f
	inc qword ptr [r11 + STUB_TOO_LARGE]
	mov rax, [rsp]
	add [r11 + STUB_TOO_LARGE_BYTES], rax
	jmp unseen
7:	inc qword ptr [r11 + STUB_SAMPLED]
	mov eax, STUB_TOLD_SAMPLED
	jmp 4f
	/* Not sampled: an exception that meets this as its way finds no handler beyond. */
3:	test byte ptr [r10 + STUB_RECORD_FLAGS], STUB_FLAG_THROWS
	jz 4f
	books rax, STUB_GLOBALS_AT
	mov rax, [rax + STUB_SAFE_SIZE]
	cmp [rsp], rax
	mov eax, 0
	ja unseen
4:	push r10
	push r11
	push rdi
	push [r11 + STUB_MARKER]
	push rax
	push [r11 + STUB_CALLS]
	/* The caller's return address is at rsp + STUB_FRAME. */
	test byte ptr [r10 + STUB_RECORD_FLAGS], STUB_FLAG_TAKES_OLD
	jnz take_old
told_old:
	test byte ptr [rsp + 8], STUB_TOLD_OLD
	jz 5f
	unless_child r11, 8f
	mov r11d, [rsp + 8]
	mov r10, [r10 + STUB_RECORD_COOKIE]
stub_probe_entry:
	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
8:	mov r10, [rsp + 40]
	mov r11, [rsp + 32]
5:	lea rax, [rsp - 8]
	mov [r11 + STUB_MARKER], rax
	lock inc dword ptr [r10 + STUB_RECORD_CALLED]
	lock inc dword ptr [r10 + STUB_RECORD_INSIDE]
	call [r10 + STUB_RECORD_COPY]
returned:
	no_trace
	mov r10, [rsp + 40]
	lock dec dword ptr [r10 + STUB_RECORD_INSIDE]
	mov r11, [rsp + 32]
	mov r10, [rsp + 16]
	mov [r11 + STUB_MARKER], r10
	mov r10, [rsp]
	cmp [r11 + STUB_CALLS], r10
	je 6f
	mov r10, [rsp + 40]
	mov byte ptr [r10 + STUB_RECORD_NESTS], 1
6:	cmp dword ptr [rsp + 8], 0
	jne settle
	add rsp, STUB_FRAME
	/* The caller's return address is at rsp + 0. */
	ret

/* The function goes its way unseen. */
unseen:
	/* The caller's return address is at rsp + 8. */
	mov r10, [r10 + STUB_RECORD_COPY]
	add rsp, 8
	/* The caller's return address is at rsp + 0. */
	jmp r10

/* Whether realloc's old block is a sampled one. */
take_old:
	/* The caller's return address is at rsp + STUB_FRAME. */
	mov r10, rdi
	hash r10
	call take
	no_trace
	neg r10d
	sbb r10d, r10d
	and r10d, STUB_TOLD_OLD
	or [rsp + 8], r10d
	mov r10, [rsp + 40]
	mov r11, [rsp + 32]
	jmp told_old

/* What the call has given, in rax, and what has become of the old block. */
settle:
	push rax
	push rdx
	/* The caller's return address is at rsp + STUB_FRAME + 16. */
	mov r10, [rsp + 56]
	movzx r10d, byte ptr [r10 + STUB_RECORD_CALL]
	mov rdi, [rsp + 40] /* the old block, or where posix_memalign puts the new one */
	mov rcx, [rsp + 64] /* the size */
	cmp r10d, CALL_POSIX_MEMALIGN
	je of_posix_memalign
	cmp r10d, CALL_RESIZE
	je of_resize
	test rax, rax
	jz failed
	mov rdi, rax
given:
	test byte ptr [rsp + 24], STUB_TOLD_SAMPLED
	jz tell
	call put
	no_trace
tell:
	pop rdx
	pop rax
	/* The caller's return address is at rsp + STUB_FRAME. */
	unless_child r10, 9f
	mov rsi, [rsp + 48]
	mov r10, [rsp + 40]
	mov r10, [r10 + STUB_RECORD_COOKIE]
	mov r11d, [rsp + 8]
stub_probe_return:
	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
9:	add rsp, STUB_FRAME
	/* The caller's return address is at rsp + 0. */
	ret

of_posix_memalign:
	/* The caller's return address is at rsp + STUB_FRAME + 16. */
	test eax, eax
	jnz nothing
	mov rdi, [rdi]
	jmp given
of_resize:
	cmp rax, rcx
	jb failed
	jmp given
	/* The old block is still there, unless there was none, or it went all the same. */
failed:
	test byte ptr [rsp + 24], STUB_TOLD_OLD
	jz nothing
	test rcx, rcx
	jz nothing
	cmp r10d, CALL_REALLOCF
	je nothing
	call put
	no_trace
nothing:
	xor edi, edi
	jmp tell
stub_shared_end:

/* --- slots ----------------------------------------------------------------------------------------- */

/* Where the thread's stripe is. Its control block begins with its own address, in glibc, musl and
 * all that follow the ABI (fs:0). Blocks of threads are pages apart. */
	.macro find_stripe
	mov r11, fs:[0]
	shr r11, 12
	imul r11d, r11d, STUB_HASH
	shr r11d, 20
	shl r11d, 6
	books r10, STUB_STRIPES_AT
	add r11, r10
	.endm

	.macro mode_is_set
	cmp byte ptr [rip + image + STUB_RECORDS_AT + STUB_RECORD_MODE], 0
	fix FIX_RECORD, 5
	.endm

/* The size is in r10. */
	.macro go_to_alloc told
	lea rsp, [rsp + 0x11223344]
	fix FIX_DEPTH, 4
	push r10
	lea r10, [rip + image + STUB_RECORDS_AT]
	fix FIX_RECORD, 4
	mov eax, \told
	{disp32} jmp alloc
	fix FIX_DISTANCE, 4
	.endm

	.macro slot name
	.globl stub_\name, stub_\name\()_entry, stub_\name\()_end
stub_\name:
	.endm

	.macro entry name
stub_\name\()_entry:
	.endm

	.macro slot_end name
stub_\name\()_end:
	.endm

	.macro count_down
	inc qword ptr [r11 + STUB_CALLS]
	sub [r11 + STUB_LEFT], r10
	jbe 1b
	mode_is_set
	jne 2b
	.endm

	.macro slot_of_size name, register
	slot \name
2:	go_to_alloc 0
1:	go_to_alloc STUB_TOLD_SAMPLED
	entry \name
	find_stripe
	mov r10, \register
	count_down
	slot_end \name
	.endm

/* A product beyond 63 bits is refused by every allocator. */
	.macro slot_of_product name, count, size
	slot \name
2:	go_to_alloc 0
1:	go_to_alloc STUB_TOLD_SAMPLED
	entry \name
	find_stripe
	mov r10, \count
	imul r10, \size
	jo 3f
	count_down
3:
	slot_end \name
	.endm

/* What is given an old block, in rdi, which may be a sampled one. */
	.macro slot_of_old name, size
	slot \name
2:	go_to_alloc 0
1:	go_to_alloc STUB_TOLD_SAMPLED
3:	find_stripe
	mov r10, \size
	go_to_alloc 0
	entry \name
	find_stripe
	mov r10, \size
	count_down
	look_up
	jne 3b
	slot_end \name
	.endm

/* Not equal: the block in rdi may be a sampled one; its bucket is r10d. */
	.macro look_up
	mov r10, rdi
	hash r10
	books r11, STUB_COUNTS_AT
	cmp byte ptr [r11 + r10], 0
	.endm

	slot_of_size first, rdi   /* malloc(size) */
	slot_of_size second, rsi  /* memalign(alignment, size) */
	slot_of_size third, rdx   /* posix_memalign(where, alignment, size) */
	slot_of_product product, rdi, rsi /* calloc(count, size) */
	slot_of_old old, rsi      /* realloc(old, size) */

	/* reallocarray(old, count, size) */
	slot old_product
2:	go_to_alloc 0
1:	go_to_alloc STUB_TOLD_SAMPLED
3:	find_stripe
	mov r10, rsi
	imul r10, rdx
	go_to_alloc 0
	entry old_product
	find_stripe
	mov r10, rsi
	imul r10, rdx
	jo 4f
	count_down
	look_up
	jne 3b
4:
	slot_end old_product

	/* free(block) */
	slot block
1:	call freed
	fix FIX_DISTANCE, 4
	no_trace
	jmp 2f
	entry block
	look_up
	jne 1b
2:
	slot_end block

	.globl stub_fixes, stub_fixes_end
	.section .rodata.stub_fixes, "a", @progbits
stub_fixes_end:

	.section .note.GNU-stack, "", @progbits
