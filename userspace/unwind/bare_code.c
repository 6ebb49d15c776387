// SPDX-License-Identifier: Apache-2.0
/* From the file's entry points, and from the targets of calls on the way, every path is followed
 * through branches and jumps. How deep the stack is at an instruction does not depend on how it was
 * reached: where two paths disagree, or one returns with something left on the stack, something was
 * misunderstood, and the function has no rows at all. */
#include "unwind/bare_code.h"

#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/intern.h"
#include "base/search.h"
#include "unwind/entry_points.h"
#include "unwind/stack_effect.h"

/* libcrypto.so.3 has 12 with code; more is no linker's work. */
#define SECTIONS_MAX     64
/* A library's start-up code has 49. Assembly makes it 9,121 in libnettle; all of musl, which
 * describes next to nothing, has 85,353. */
#define INSTRUCTIONS_MAX (1U << 18)
#define WINDOW_SIZE      4096
#define LONGEST          15 /* bytes of an instruction (Intel 64 manual, volume 2, 2.3.11) */
#define REGISTER_SP      7  /* in DWARF */

struct range {
	uint64_t start, end; /* vaddr, end excluded */
};

struct section {
	struct range range;
	uint64_t offset; /* in the file */
};

/* An instruction. Its function is known by where that is entered. */
struct seen {
	uint64_t vaddr;
	uint32_t entry;        /* index of the function's first instruction; its own: it is one */
	uint8_t length;        /* 0: not followed yet, or not an instruction */
	bool is_misunderstood; /* the function that is entered here */
	struct stack_state state;
};

struct path {
	uint64_t vaddr;
	uint32_t entry;
	struct stack_state state;
};

struct window {
	uint64_t vaddr;
	size_t size;
	uint8_t bytes[WINDOW_SIZE];
};

struct search {
	int elf_fd;
	uint64_t start; /* of the program: there is no return address there */
	struct section sections[SECTIONS_MAX];
	size_t section_count;
	struct range *covered; /* sorted, and apart from each other */
	size_t covered_count, covered_capacity;
	struct intern *ids; /* of addresses: indices into `seen` */
	struct seen *seen;
	size_t seen_count, seen_capacity;
	struct path *paths; /* to be followed yet */
	size_t path_count, path_capacity;
	struct window window;
};

static int list_covered(struct search *search, const struct fde_list *list)
{
	struct range *last = NULL;

	for (size_t i = 0; i < list->count; i++) {
		struct range range = {.start = list->items[i].start, .end = list->items[i].end};

		if (last && range.start <= last->end) {
			if (range.end > last->end)
				last->end = range.end;
			continue;
		}
		if (array_append(&search->covered, &search->covered_count,
				 &search->covered_capacity, range))
			return -ENOMEM;
		last = &search->covered[search->covered_count - 1];
	}
	return 0;
}

static void list_sections(struct search *search, Elf *elf)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while (search->section_count < SECTIONS_MAX && (scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_PROGBITS ||
		    !(shdr.sh_flags & SHF_EXECINSTR) || shdr.sh_flags & SHF_COMPRESSED ||
		    shdr.sh_size > UINT64_MAX - shdr.sh_addr ||
		    shdr.sh_size > INT64_MAX - shdr.sh_offset || shdr.sh_offset > INT64_MAX)
			continue;
		search->sections[search->section_count++] = (struct section){
			.range = {.start = shdr.sh_addr, .end = shdr.sh_addr + shdr.sh_size},
			.offset = shdr.sh_offset,
		};
	}
}

static const struct section *section_of(const struct search *search, uint64_t vaddr)
{
	for (size_t i = 0; i < search->section_count; i++) {
		const struct section *section = &search->sections[i];

		if (vaddr >= section->range.start && vaddr < section->range.end)
			return section;
	}
	return NULL;
}

/* Where the next of what is covered begins, if the address is not in one. */
static bool find_gap_end(const struct search *search, uint64_t vaddr, uint64_t *end)
{
	size_t next = search_lower_bound(i, search->covered_count, search->covered[i].end <= vaddr);

	*end = next < search->covered_count ? search->covered[next].start : UINT64_MAX;
	return *end > vaddr;
}

/* Where the code without call-frame information that the address is in ends; 0: it is in none. */
static uint64_t find_end(const struct search *search, uint64_t vaddr)
{
	const struct section *section = section_of(search, vaddr);
	uint64_t end;

	if (!section || !find_gap_end(search, vaddr, &end))
		return 0;
	return end < section->range.end ? end : section->range.end;
}

/* The code at the address, as many bytes as an instruction may have, or less before `end`. */
static size_t read_code(struct search *search, uint64_t vaddr, uint64_t end, const uint8_t **code)
{
	struct window *window = &search->window;
	size_t wanted = end - vaddr < LONGEST ? end - vaddr : LONGEST;
	const struct section *section;
	ssize_t size;

	if (vaddr < window->vaddr || vaddr - window->vaddr > window->size ||
	    window->size - (vaddr - window->vaddr) < wanted) {
		section = section_of(search, vaddr);
		size = pread(search->elf_fd, window->bytes, WINDOW_SIZE,
			     section->offset + (vaddr - section->range.start));
		window->vaddr = vaddr;
		window->size = size > 0 ? size : 0;
	}
	*code = window->bytes + (vaddr - window->vaddr);
	size = window->size - (vaddr - window->vaddr);
	return (size_t)size < wanted ? (size_t)size : wanted;
}

/* The index of what is known of the address; with `is_new` there is nothing yet. */
static int look_up(struct search *search, uint64_t vaddr, uint32_t *id, bool *is_new)
{
	*id = intern__id(search->ids, &vaddr, sizeof(vaddr), is_new);
	if (*id == INTERN_FAILED)
		return -ENOMEM;
	if (!*is_new)
		return 0;
	return array_append(&search->seen, &search->seen_count, &search->seen_capacity,
			    (struct seen){.vaddr = vaddr, .entry = *id});
}

static bool is_entry(const struct search *search, uint32_t id)
{
	return search->seen[id].entry == id;
}

static int add_path(struct search *search, uint64_t vaddr, uint32_t entry,
		    const struct stack_state *state)
{
	return array_append(&search->paths, &search->path_count, &search->path_capacity,
			    (struct path){.vaddr = vaddr, .entry = entry, .state = *state});
}

static bool is_same(const struct stack_state *a, const struct stack_state *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* The kernel side knows the code that signal handlers return to by these bytes, if it has no row:
 * mov $15, %rax (rt_sigreturn); syscall. */
static bool is_signal_return(struct search *search, uint64_t vaddr, uint64_t end)
{
	static const uint8_t signal_return[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	const uint8_t *code;

	return read_code(search, vaddr, end, &code) >= sizeof(signal_return) &&
	       !memcmp(code, signal_return, sizeof(signal_return));
}

/* A function begins here, if this is code that is looked for. */
static int note_entry(void *context, uint64_t vaddr)
{
	static const struct stack_state on_entry = {};
	struct search *search = context;
	uint64_t end = find_end(search, vaddr);
	struct seen *seen;
	bool is_new;
	uint32_t id;
	int err;

	if (!end || search->seen_count >= INSTRUCTIONS_MAX || vaddr == search->start ||
	    is_signal_return(search, vaddr, end))
		return 0;
	err = look_up(search, vaddr, &id, &is_new);
	if (err)
		return err;
	if (is_new)
		return add_path(search, vaddr, id, &on_entry);
	seen = &search->seen[id];
	if (!is_entry(search, id) && !is_same(&seen->state, &on_entry))
		search->seen[seen->entry].is_misunderstood = true;
	return 0;
}

/* Whether the path has come to what nobody has followed yet, whose index it gives then. */
static int arrive(struct search *search, const struct path *path, uint32_t *id, bool *is_first)
{
	struct seen *seen;
	int err = look_up(search, path->vaddr, id, is_first);

	if (err)
		return err;
	seen = &search->seen[*id];
	if (*is_first) {
		seen->entry = path->entry;
		seen->state = path->state;
	} else if (*id == path->entry && !seen->length && is_same(&seen->state, &path->state)) {
		*is_first = true;
	} else if (!is_entry(search, *id) && !is_same(&seen->state, &path->state)) {
		/* A call that does not return may be the last of a function, with another function
		 * behind it; so of an entry nothing is said. */
		search->seen[seen->entry].is_misunderstood = true;
		search->seen[path->entry].is_misunderstood = true;
	}
	return 0;
}

/* Notes where else the instruction leads to, and whether the path goes on behind it. */
static int branch(struct search *search, const struct path *path, const struct stack_step *step,
		  bool *goes_on)
{
	*goes_on = step->flow == FLOW_NEXT || step->flow == FLOW_CALL || step->flow == FLOW_BRANCH;
	if (step->flow == FLOW_RETURN && path->state.depth)
		search->seen[path->entry].is_misunderstood = true;
	if (!step->has_target)
		return 0;
	if (step->flow == FLOW_CALL)
		return note_entry(search, step->target);
	if (step->flow == FLOW_BRANCH || step->flow == FLOW_JUMP)
		return add_path(search, step->target, path->entry, &path->state);
	return 0;
}

static int follow(struct search *search, struct path path)
{
	uint64_t end = find_end(search, path.vaddr);
	bool goes_on = true;
	int err = 0;

	while (!err && goes_on && path.vaddr < end && search->seen_count < INSTRUCTIONS_MAX) {
		struct stack_step step;
		const uint8_t *code;
		bool is_first;
		uint32_t id;
		size_t size;

		err = arrive(search, &path, &id, &is_first);
		if (err || !is_first)
			break;
		size = read_code(search, path.vaddr, end, &code);
		step = stack_effect__follow(&path.state, code, size, path.vaddr);
		search->seen[id].length = step.length;
		path.vaddr += step.length;
		err = branch(search, &path, &step, &goes_on);
	}
	return err;
}

static struct wire_unwind_rule rule_of(const struct stack_state *state)
{
	struct wire_unwind_rule rule = {
		.cfa = WIRE_CFA_REGISTER,
		.cfa_register = REGISTER_SP,
		.cfa_offset = state->depth + 8,
	};

	if (state->bp_slot) {
		rule.bp = WIRE_BP_SAVED;
		rule.bp_offset = -(state->bp_slot + 8);
	} else if (state->bp_value != BP_OF_CALLER) {
		rule.bp = WIRE_BP_UNKNOWN;
	}
	return rule;
}

static int compare_rows(const void *left, const void *right)
{
	const struct bare_row *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

static int list_rows(const struct search *search, struct bare_code *code)
{
	for (size_t i = 0; i < search->seen_count; i++) {
		const struct seen *seen = &search->seen[i];
		struct bare_row row = {
			.start = seen->vaddr,
			.end = seen->vaddr + seen->length,
			.rule = rule_of(&seen->state),
		};

		if (seen->length && !search->seen[seen->entry].is_misunderstood &&
		    array_append(&code->rows, &code->count, &code->capacity, row))
			return -ENOMEM;
	}
	if (code->count)
		qsort(code->rows, code->count, sizeof(*code->rows), compare_rows);
	/* A jump into an instruction is rare, but possible. */
	for (size_t i = 0; i + 1 < code->count; i++) {
		if (code->rows[i].end > code->rows[i + 1].start)
			code->rows[i].end = code->rows[i + 1].start;
	}
	return 0;
}

static int search_all(struct search *search, Elf *elf, const struct fde_list *covered)
{
	GElf_Ehdr ehdr;
	int err = list_covered(search, covered);

	if (err)
		return err;
	if (gelf_getehdr(elf, &ehdr))
		search->start = ehdr.e_entry;
	list_sections(search, elf);
	err = entry_points__each(elf, note_entry, search);
	while (!err && search->path_count)
		err = follow(search, search->paths[--search->path_count]);
	return err;
}

int bare_code__find(struct bare_code *code, int elf_fd, Elf *elf, const struct fde_list *covered)
{
	struct search *search = calloc(1, sizeof(*search));
	int err = -ENOMEM;

	if (!search)
		return err;
	search->elf_fd = elf_fd;
	search->ids = intern__new();
	if (search->ids)
		err = search_all(search, elf, covered);
	if (!err)
		err = list_rows(search, code);
	intern__free(search->ids);
	free(search->covered);
	free(search->seen);
	free(search->paths);
	free(search);
	return err;
}

void bare_code__release(struct bare_code *code)
{
	free(code->rows);
	memset(code, 0, sizeof(*code));
}
