// SPDX-License-Identifier: Apache-2.0
/* Addresses become a profile. The mappings are made up, around this program's own file, whose
 * functions of known place and length are below. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "profile/assemble.h"
#include "with_nursery.h"

/* Three functions of 16 bytes with nothing in between, then 16 bytes that are nobody's. */
__asm__(".text\n"
	".macro sixteen name\n"
	".globl \\name\n"
	".type \\name, @function\n"
	"\\name: .fill 16, 1, 0x90\n"
	".size \\name, 16\n"
	".endm\n"
	"sixteen first_code\n"
	"sixteen second_code\n"
	"sixteen third_code\n"
	".globl nobodys_code\n"
	"nobodys_code: .fill 16, 1, 0xcc\n");
extern const char first_code[], second_code[], third_code[], nobodys_code[], _start[];

#define LIBRARY_START 0x100000000
#define MAIN_START    0x400000000
#define ANON_START    0x700000000
#define NOWHERE       0x500000000
#define KERNEL_PC     UINT64_MAX /* no symbol reaches as far */

#define FREQUENCY     100
#define PERIOD_NS     10000000
#define RATE          524288

/* The executable segment of this program's file. */
struct code {
	uint64_t bias;
	ElfW(Phdr) phdr;
};

static int take_code(struct dl_phdr_info *info, size_t size, void *context)
{
	struct code *code = context;

	(void)size;
	code->bias = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X)
			code->phdr = info->dlpi_phdr[i];
	}
	return 1;
}

static struct code own_code(void)
{
	struct code code = {};

	dl_iterate_phdr(take_code, &code);
	return code;
}

static uint64_t vaddr_of(const char *pointer)
{
	return (uintptr_t)pointer - own_code().bias;
}

/* Where the byte would be if the file were mapped there. */
static uint64_t at(uint64_t mapping_start, const char *pointer)
{
	return mapping_start + (vaddr_of(pointer) - own_code().phdr.p_vaddr);
}

static struct mapping make_mapping(uint64_t start, const char *name, bool has_file)
{
	ElfW(Phdr) phdr = own_code().phdr;
	struct mapping mapping = {
		.start = start,
		.end = start + phdr.p_filesz,
		.name = strdup(name),
	};

	if (has_file) {
		mapping.file_offset = phdr.p_offset;
		mapping.file = elf_file__open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), name);
		assert_non_null(mapping.file);
	}
	return mapping;
}

static struct samples *new_samples(enum samples_source source)
{
	struct maps *maps = calloc(1, sizeof(*maps));
	struct samples *samples;

	maps->refs = 1;
	maps->items = calloc(3, sizeof(*maps->items));
	maps->items[maps->count++] = make_mapping(LIBRARY_START, "/lib/libx.so.1", true);
	maps->items[maps->count++] = make_mapping(MAIN_START, "/opt/app", true);
	maps->items[maps->count++] = make_mapping(ANON_START, "[anon]", false);
	maps->items[1].is_main = true;
	samples = samples__new(source);
	samples__add_process(samples, (struct sample_process){.pid = 42, .maps = maps});
	maps__put(maps);
	samples->frequency = FREQUENCY;
	samples->heap_rate = RATE;
	samples->how = "a test";
	samples->time_ns = 1700000000000000000;
	samples->duration_ns = 5000000000;
	return samples;
}

/* A row of one stack: `kernel` kernel frames, then user frames. */
/* NULL: there is none of that name. */
static const struct profile_label *label(const struct profile *profile,
					 const struct profile_sample *sample, const char *key)
{
	for (uint32_t i = 0; i < sample->label_count; i++) {
		if (!strcmp(profile->strings[sample->labels[i].key], key))
			return &sample->labels[i];
	}
	return NULL;
}

static const char *label_text(const struct profile *profile, size_t sample, const char *key)
{
	return profile->strings[label(profile, &profile->samples[sample], key)->text];
}

static void add(struct samples *samples, struct sample_row row, uint32_t end, uint32_t kernel,
		const uint64_t *frames, uint32_t depth)
{
	struct sample_stack stack = {
		.hash = samples->stack_count + 1,
		.kernel_depth = kernel,
		.user_depth = depth - kernel,
		.end = end,
		.frames = malloc(depth * sizeof(*frames)),
	};

	memcpy(stack.frames, frames, depth * sizeof(*frames));
	row.stack = samples->stack_count;
	assert_int_equal(samples__add_stack(samples, stack), 0);
	assert_int_equal(samples__add_row(samples, row), 0);
}

#define ADD(samples, row, end, kernel, ...)                       \
	add(samples, row, end, kernel, (uint64_t[]){__VA_ARGS__}, \
	    sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* A frame that a tick or a signal interrupted. */
#define EXACT(address) ((address) | WIRE_FRAME_EXACT)

#define TICKS(n)       ((struct sample_row){.samples = (n)})
#define ONE_SAMPLE     TICKS(1)

/* The profile; the samples are gone. */
static const struct profile *assemble_of(struct samples *samples, const struct profile_kind *kind,
					 bool many)
{
	struct symbolizer *symbolizer = symbolizer__new(
		&(struct symbolizer_options){.workers = nursery__source(nursery, 0)});
	struct profile_subject subject = {
		.comm = "a-name", .pid = 42, .command = "/bin/a-name --fast", .many = many};
	const struct profile *profile = profile__assemble(samples, kind, &subject, symbolizer);

	assert_non_null(profile);
	symbolizer__free(symbolizer);
	samples__free(samples);
	return profile;
}

static const struct profile *assemble(struct samples *samples, const struct profile_kind *kind)
{
	return assemble_of(samples, kind, false);
}

static const struct profile_location *frame(const struct profile *profile, size_t sample,
					    uint32_t depth)
{
	assert_true(sample < profile->sample_count);
	assert_true(depth < profile->samples[sample].depth);
	return &profile->locations[profile->samples[sample].locations[depth]];
}

static const char *name(const struct profile *profile, size_t sample, uint32_t depth)
{
	const struct profile_location *location = frame(profile, sample, depth);

	assert_int_equal(location->line_count, 1);
	return profile__line_name(profile, &profile->lines[location->first_line]);
}

/* The sample's frames, leaf first, are these names and no more. */
static void assert_stack(const struct profile *profile, size_t sample, const char *const *names)
{
	uint32_t depth = 0;

	for (; names[depth]; depth++)
		assert_string_equal(name(profile, sample, depth), names[depth]);
	assert_int_equal(profile->samples[sample].depth, depth);
}

#define ASSERT_STACK(profile, sample, ...) \
	assert_stack(profile, sample, (const char *const[]){__VA_ARGS__, NULL})

static void assert_comment(const struct profile *profile, const char *text)
{
	for (size_t i = 0; i < profile->comment_count; i++) {
		if (strstr(profile->strings[profile->comments[i]], text))
			return;
	}
	fail_msg("no comment has '%s'", text);
}

static void assert_no_comment(const struct profile *profile, const char *text)
{
	for (size_t i = 0; i < profile->comment_count; i++)
		assert_null(strstr(profile->strings[profile->comments[i]], text));
}

static uint64_t start_frame(void)
{
	return at(MAIN_START, _start) + 10;
}

/* All three frames are at the first byte of a function, where the one before it ends. */
static void of_an_interrupted_frame_only_the_callers_are_looked_up_a_byte_before(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, EXACT(at(MAIN_START, second_code)),
	    at(MAIN_START, second_code), at(MAIN_START, third_code), start_frame());
	profile = assemble(samples, &profile_kind_cpu);
	assert_int_equal(profile->sample_count, 1);
	ASSERT_STACK(profile, 0, "second_code", "first_code", "second_code", "_start");
	assert_int_equal(frame(profile, 0, 0)->address, at(MAIN_START, second_code));
	assert_int_equal(frame(profile, 0, 1)->address, at(MAIN_START, second_code) - 1);
	profile__free(profile);
}

/* The frame under a signal handler is where the signal came. */
static void an_interrupted_frame_may_have_callees(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, at(MAIN_START, second_code),
	    EXACT(at(MAIN_START, second_code)), start_frame());
	profile = assemble(samples, &profile_kind_cpu);
	ASSERT_STACK(profile, 0, "first_code", "second_code", "_start");
	profile__free(profile);
}

static void of_a_heap_sample_all_frames_are_looked_up_a_byte_before(void **state)
{
	struct samples *samples = new_samples(SAMPLES_HEAP);
	const struct profile *profile;

	(void)state;
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, at(MAIN_START, second_code),
	    at(MAIN_START, third_code), start_frame());
	profile = assemble(samples, &profile_kind_heap);
	ASSERT_STACK(profile, 0, "first_code", "second_code", "_start");
	profile__free(profile);
}

/* When a tick lands in the kernel, the user frame is where the program entered it. */
static void kernel_frames_come_before_user_frames(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;
	const struct profile_location *location;

	(void)state;
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 2, KERNEL_PC, KERNEL_PC,
	    EXACT(at(MAIN_START, second_code)), start_frame());
	profile = assemble(samples, &profile_kind_cpu);
	ASSERT_STACK(profile, 0, "[kernel+0xffffffffffffffff]", "[kernel+0xffffffffffffffff]",
		     "second_code", "_start");
	location = frame(profile, 0, 0);
	assert_int_equal(location->kind, FRAME_KERNEL);
	assert_int_equal(location->address, KERNEL_PC);
	assert_string_equal(profile->strings[profile->mappings[location->mapping].file],
			    "[kernel]");
	profile__free(profile);
}

static void a_stack_of_kernel_frames_alone_is_whole(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	ADD(samples, ONE_SAMPLE, WIRE_END_NO_USER, 1, KERNEL_PC);
	profile = assemble(samples, &profile_kind_cpu);
	ASSERT_STACK(profile, 0, "[kernel+0xffffffffffffffff]");
	assert_comment(profile, "1 whole, 0 truncated, 0 lost");
	assert_int_equal(profile->outcome.whole, 1);
	profile__free(profile);
}

static void the_kind_of_a_frame_is_whose_code_it_is(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, at(LIBRARY_START, first_code) + 1,
	    at(MAIN_START, nobodys_code) + 8, at(ANON_START, first_code), start_frame());
	profile = assemble(samples, &profile_kind_cpu);
	assert_int_equal(frame(profile, 0, 0)->kind, FRAME_LIBRARY);
	assert_string_equal(name(profile, 0, 0), "first_code");
	assert_int_equal(frame(profile, 0, 1)->kind, FRAME_UNKNOWN);
	assert_int_equal(frame(profile, 0, 2)->kind, FRAME_UNKNOWN);
	assert_int_equal(frame(profile, 0, 3)->kind, FRAME_APP);
	profile__free(profile);
}

static void an_address_without_a_name_is_called_by_file_and_address(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;
	char app[64], library[64];

	(void)state;
	snprintf(app, sizeof(app), "[app+0x%" PRIx64 "]", vaddr_of(nobodys_code) + 8);
	snprintf(library, sizeof(library), "[libx.so.1+0x%" PRIx64 "]",
		 vaddr_of(nobodys_code) + 4 - 1);
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, EXACT(at(MAIN_START, nobodys_code) + 8),
	    at(LIBRARY_START, nobodys_code) + 4, start_frame());
	profile = assemble(samples, &profile_kind_cpu);
	ASSERT_STACK(profile, 0, app, library, "_start");
	profile__free(profile);
}

/* This program's file, with headers that put the code `shift` bytes higher. */
static struct elf_file *open_shifted(uint64_t shift)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd = memfd_create("shifted", 0);
	struct stat st;
	Elf64_Ehdr *header;
	Elf64_Phdr *phdrs;
	char *bytes;

	assert_int_equal(fstat(in, &st), 0);
	bytes = malloc(st.st_size);
	assert_int_equal(read(in, bytes, st.st_size), st.st_size);
	header = (void *)bytes;
	phdrs = (void *)(bytes + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++)
		phdrs[i].p_vaddr += phdrs[i].p_type == PT_LOAD ? shift : 0;
	assert_int_equal(write(fd, bytes, st.st_size), st.st_size);
	free(bytes);
	close(in);
	return elf_file__open(fd, "shifted");
}

/* addr2line takes what the file's headers say, which is not always the place in the file. */
static void the_address_in_such_a_name_is_the_one_in_the_headers(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	struct mapping *library = &samples->processes[0].maps->items[0];
	const struct profile *profile;
	char expected[64];

	(void)state;
	elf_file__put(library->file);
	library->file = open_shifted(0x10000000);
	snprintf(expected, sizeof(expected), "[libx.so.1+0x%" PRIx64 "]",
		 vaddr_of(nobodys_code) + 0x10000000);
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, EXACT(at(LIBRARY_START, nobodys_code)),
	    start_frame());
	profile = assemble(samples, &profile_kind_cpu);
	ASSERT_STACK(profile, 0, expected, "_start");
	profile__free(profile);
}

static void an_address_in_no_mapping_is_unknown(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;
	char unknown[64];

	(void)state;
	snprintf(unknown, sizeof(unknown), "[unknown+0x%" PRIx64 "]", (uint64_t)NOWHERE);
	ADD(samples, TICKS(3), WIRE_END_NO_MAPPING, 0, EXACT(at(MAIN_START, first_code)),
	    (uint64_t)NOWHERE + 1);
	profile = assemble(samples, &profile_kind_cpu);
	ASSERT_STACK(profile, 0, "first_code", unknown, "[truncated: no mapping]");
	assert_int_equal(frame(profile, 0, 1)->kind, FRAME_UNKNOWN);
	assert_int_equal(frame(profile, 0, 2)->kind, FRAME_NOTE);
	assert_comment(profile, "0 whole, 3 truncated, 0 lost");
	assert_int_equal(profile->outcome.truncated, 3);
	assert_comment(profile, "truncated, no mapping: 3");
	profile__free(profile);
}

static void the_page_for_vsyscalls_is_called_by_its_name(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	struct mapping *mapping =
		&samples->processes[0].maps->items[samples->processes[0].maps->count - 1];
	const struct profile *profile;

	(void)state;
	free(mapping->name);
	mapping->name = strdup("[vsyscall]");
	mapping->start = 0xffffffffff600000;
	mapping->end = 0xffffffffff601000;
	/* The mark of an interrupted frame is one of its own bits. */
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, EXACT(0xffffffffff600400));
	profile = assemble(samples, &profile_kind_cpu);
	ASSERT_STACK(profile, 0, "[vsyscall]");
	profile__free(profile);
}

static void a_stack_cut_short_says_why(void **state)
{
	static const struct {
		uint32_t end;
		const char *note;
	} cases[] = {
		{WIRE_END_NO_MAPPING,  "[truncated: no mapping]"             },
		{WIRE_END_NO_ROW,      "[truncated: no unwind row]"          },
		{WIRE_END_UNSUPPORTED, "[truncated: unsupported unwind rule]"},
		{WIRE_END_READ_FAULT,  "[truncated: read fault]"             },
		{WIRE_END_BAD_FRAME,   "[truncated: bad frame]"              },
		{WIRE_END_TOO_DEEP,    "[truncated: too deep]"               },
	};
	const size_t count = sizeof(cases) / sizeof(*cases);
	struct samples *samples = new_samples(SAMPLES_CPU);
	uint64_t pc = at(MAIN_START, first_code) + 1;
	const struct profile *profile;

	(void)state;
	for (size_t i = 0; i < count; i++)
		ADD(samples, TICKS(1 << i), cases[i].end, 0, EXACT(pc));
	ADD(samples, TICKS(5), WIRE_END_OUTERMOST, 0, EXACT(pc));
	profile = assemble(samples, &profile_kind_cpu);
	for (size_t i = 0; i < count; i++)
		ASSERT_STACK(profile, i, "first_code", cases[i].note);
	ASSERT_STACK(profile, count, "first_code");
	assert_comment(profile, "5 whole, 63 truncated, 0 lost");
	assert_comment(profile, "truncated, read fault: 8");
	assert_comment(profile, "truncated, too deep: 32");
	assert_no_comment(profile, "by frame pointer");
	profile__free(profile);
}

static void steps_by_frame_pointer_are_told(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	samples->counters[WIRE_CPU_FRAME_POINTERS] = 12;
	samples->counters[WIRE_ALLOC_FRAME_POINTERS] = 7;
	samples->rowless_files = 3;
	profile = assemble(samples, &profile_kind_cpu);
	assert_comment(profile, "frames passed by frame pointer, for want of unwind rows: 12");
	assert_comment(profile, "3 files have not all unwind rows, for want of room");
	profile__free(profile);
}

static void a_lost_stack_is_a_lost_frame(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	assert_int_equal(samples__add_stack(samples, (struct sample_stack){}), 0);
	assert_int_equal(samples__add_row(samples, (struct sample_row){.samples = 6}), 0);
	profile = assemble(samples, &profile_kind_cpu);
	assert_int_equal(profile->sample_count, 1);
	ASSERT_STACK(profile, 0, "[lost]");
	assert_int_equal(profile->samples[0].values[0], 6);
	assert_int_equal(frame(profile, 0, 0)->kind, FRAME_NOTE);
	assert_comment(profile, "0 whole, 0 truncated, 6 lost");
	profile__free(profile);
}

static void ticks_that_were_not_counted_are_a_lost_sample(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	samples->counters[WIRE_CPU_LOST] = 9;
	profile = assemble(samples, &profile_kind_cpu);
	assert_int_equal(profile->sample_count, 1);
	ASSERT_STACK(profile, 0, "[lost]");
	assert_int_equal(profile->samples[0].values[0], 9);
	assert_int_equal(profile->samples[0].values[1], 9 * PERIOD_NS);
	assert_comment(profile, "9 samples lost");
	profile__free(profile);
}

static void cpu_samples_are_time(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	ADD(samples, TICKS(7), WIRE_END_OUTERMOST, 0, start_frame());
	profile = assemble(samples, &profile_kind_cpu);
	assert_int_equal(profile->type_count, 2);
	assert_string_equal(profile->strings[profile->types[0].type], "samples");
	assert_string_equal(profile->strings[profile->types[0].unit], "count");
	assert_string_equal(profile->strings[profile->types[1].type], "cpu");
	assert_string_equal(profile->strings[profile->types[1].unit], "nanoseconds");
	assert_int_equal(profile->shown_type, 1);
	assert_int_equal(profile->default_sample_type, 0);
	assert_string_equal(profile->strings[profile->period_type.type], "cpu");
	assert_string_equal(profile->strings[profile->period_type.unit], "nanoseconds");
	assert_int_equal(profile->period, PERIOD_NS);
	assert_int_equal(profile->samples[0].values[0], 7);
	assert_int_equal(profile->samples[0].values[1], 7 * PERIOD_NS);
	assert_null(label(profile, &profile->samples[0], "bytes"));
	profile__free(profile);
}

/* An object of the rate's size stands for 1 / (1 - 1/e) = 1.58198 objects. */
static void heap_samples_are_scaled(void **state)
{
	struct samples *samples = new_samples(SAMPLES_HEAP);
	const struct profile *profile;
	const struct profile_sample *sample;

	(void)state;
	ADD(samples, ((struct sample_row){.size = RATE, .samples = 1000, .frees = 900}),
	    WIRE_END_OUTERMOST, 0, start_frame());
	profile = assemble(samples, &profile_kind_heap);
	assert_int_equal(profile->type_count, 4);
	assert_string_equal(profile->strings[profile->types[0].type], "alloc_objects");
	assert_string_equal(profile->strings[profile->types[1].type], "alloc_space");
	assert_string_equal(profile->strings[profile->types[2].type], "inuse_objects");
	assert_string_equal(profile->strings[profile->types[3].type], "inuse_space");
	for (int i = 0; i < 4; i++)
		assert_string_equal(profile->strings[profile->types[i].unit],
				    i % 2 ? "bytes" : "count");
	assert_int_equal(profile->shown_type, 3);
	assert_int_equal(profile->default_sample_type, 0);
	assert_string_equal(profile->strings[profile->period_type.type], "space");
	assert_string_equal(profile->strings[profile->period_type.unit], "bytes");
	assert_int_equal(profile->period, RATE);
	sample = &profile->samples[0];
	assert_int_equal(sample->values[0], 1582);
	assert_int_equal(sample->values[1], 829411404); /* 1581.9767... * 524288 */
	assert_int_equal(sample->values[2], 158);
	assert_int_equal(sample->values[3], 82941140);
	assert_int_equal(label(profile, sample, "bytes")->number, RATE);
	profile__free(profile);
}

static void the_allocs_profile_is_the_heap_profile_with_another_default(void **state)
{
	const struct profile *profile = assemble(new_samples(SAMPLES_HEAP), &profile_kind_allocs);

	(void)state;
	assert_int_equal(profile->shown_type, 1);
	assert_int_equal(profile->default_sample_type, profile->types[1].type);
	profile__free(profile);
}

static void the_first_mapping_is_the_main_binary(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, at(LIBRARY_START, first_code),
	    at(LIBRARY_START, third_code), start_frame());
	profile = assemble(samples, &profile_kind_cpu);
	assert_int_equal(profile->mapping_count, 2);
	assert_string_equal(profile->strings[profile->mappings[0].file], "/opt/app");
	assert_int_equal(profile->mappings[0].start, MAIN_START);
	assert_int_equal(profile->mappings[0].limit, MAIN_START + own_code().phdr.p_filesz);
	assert_int_equal(profile->mappings[0].file_offset, own_code().phdr.p_offset);
	assert_true(profile->mappings[0].has_functions);
	assert_int_equal(strlen(profile->strings[profile->mappings[0].build_id]), 40);
	assert_string_equal(profile->strings[profile->mappings[1].file], "/lib/libx.so.1");
	assert_int_equal(frame(profile, 0, 0)->mapping, 1);
	assert_int_equal(frame(profile, 0, 1)->mapping, 1);
	assert_int_equal(frame(profile, 0, 2)->mapping, 0);
	profile__free(profile);
}

static void the_main_binary_is_there_without_samples(void **state)
{
	const struct profile *profile = assemble(new_samples(SAMPLES_CPU), &profile_kind_cpu);

	(void)state;
	assert_int_equal(profile->sample_count, 0);
	assert_int_equal(profile->mapping_count, 1);
	assert_string_equal(profile->strings[profile->mappings[0].file], "/opt/app");
	profile__free(profile);
}

static void equal_frames_share_a_location(void **state)
{
	struct samples *samples = new_samples(SAMPLES_HEAP);
	uint64_t pc = at(MAIN_START, second_code);
	const struct profile *profile;

	(void)state;
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, pc, pc, start_frame());
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, pc, start_frame());
	profile = assemble(samples, &profile_kind_heap);
	assert_ptr_equal(frame(profile, 0, 0), frame(profile, 0, 1));
	assert_ptr_equal(frame(profile, 0, 0), frame(profile, 1, 0));
	assert_ptr_equal(frame(profile, 0, 2), frame(profile, 1, 1));
	profile__free(profile);
}

static void title_and_times_are_the_collections(void **state)
{
	const struct profile *profile = assemble(new_samples(SAMPLES_CPU), &profile_kind_cpu);

	(void)state;
	assert_string_equal(profile->strings[profile->title], "a-name (pid 42)");
	assert_int_equal(profile->time_ns, 1700000000000000000);
	assert_int_equal(profile->duration_ns, 5000000000);
	profile__free(profile);
}

static void comments_say_how_it_was_taken(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	samples->target_gone = true;
	profile = assemble(samples, &profile_kind_cpu);
	assert_comment(profile, "exoprof " EXOPROF_VERSION ": a-name (pid 42)");
	assert_comment(profile, "command: /bin/a-name --fast");
	assert_comment(profile, "cpu: a test at 100 Hz on each CPU, 0 samples lost");
	assert_comment(profile, "the target exited");
	profile__free(profile);
	profile = assemble(new_samples(SAMPLES_CPU), &profile_kind_cpu);
	assert_no_comment(profile, "the target exited");
	profile__free(profile);
}

static void comments_say_what_of_the_heap_was_lost(void **state)
{
	struct samples *samples = new_samples(SAMPLES_HEAP);
	const struct profile *profile;

	(void)state;
	samples->counters[WIRE_ALLOC_COUNTED] = 100;
	samples->counters[WIRE_ALLOC_STACK_BUSY] = 20;
	samples->counters[WIRE_ALLOC_STACK_FULL] = 3;
	samples->counters[WIRE_ALLOC_UNSAMPLED] = 5000;
	samples->counters[WIRE_ALLOC_LOST_PENDING] = 6;
	samples->counters[WIRE_ALLOC_LOST_STATS] = 7;
	samples->counters[WIRE_ALLOC_LOST_LIVE] = 8;
	samples->counters[WIRE_ALLOC_LOST_RETURN] = 9;
	profile = assemble(samples, &profile_kind_heap);
	assert_comment(profile, "one sample in 524288 bytes");
	assert_comment(profile, "123 allocations sampled, 5000 passed over");
	assert_comment(profile, "6 (calls in progress) + 7 (call sites) + 8 (live blocks");
	assert_comment(profile, "9 (returns)");
	assert_int_equal(profile->outcome.lost, 6 + 7 + 8 + 9);
	profile__free(profile);
}

static void a_heap_rate_of_1_is_not_called_sampling(void **state)
{
	struct samples *samples = new_samples(SAMPLES_HEAP);
	const struct profile *profile;

	(void)state;
	samples->heap_rate = 1;
	profile = assemble(samples, &profile_kind_heap);
	assert_comment(profile, "heap: every allocation");
	assert_no_comment(profile, "scaled");
	profile__free(profile);
}

static void what_else_is_known_is_a_comment_a_line(void **state)
{
	struct samples *samples = new_samples(SAMPLES_HEAP);
	const struct profile *profile;

	(void)state;
	assert_int_equal(samples__add_note(samples, "heap: of 100% jemalloc"), 0);
	assert_int_equal(samples__add_note(samples, "heap: since yesterday"), 0);
	profile = assemble(samples, &profile_kind_heap);
	assert_comment(profile, "heap: of 100% jemalloc");
	assert_comment(profile, "heap: since yesterday");
	profile__free(profile);
}

static void what_was_there_before_is_a_frame_only_if_asked_for(void **state)
{
	struct samples *samples = new_samples(SAMPLES_HEAP);
	const struct profile *profile;

	(void)state;
	samples->preattach_bytes = 123456789;
	profile = assemble(samples, &profile_kind_heap);
	assert_int_equal(profile->sample_count, 0);
	profile__free(profile);

	samples = new_samples(SAMPLES_HEAP);
	samples->preattach_bytes = 123456789;
	samples->show_preattach = true;
	profile = assemble(samples, &profile_kind_heap);
	assert_int_equal(profile->sample_count, 1);
	ASSERT_STACK(profile, 0, "[allocated before attach]");
	/* Of how many objects nobody knows. */
	assert_int_equal(profile->samples[0].values[0], 0);
	assert_int_equal(profile->samples[0].values[1], 123456789);
	assert_int_equal(profile->samples[0].values[2], 0);
	assert_int_equal(profile->samples[0].values[3], 123456789);
	profile__free(profile);
}

/* The same address is one function in one process, and nothing in another. */
static void each_process_has_its_own_mappings(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	uint64_t address = at(MAIN_START, second_code);
	const struct profile *profile;
	char unknown[64];

	(void)state;
	samples__add_process(samples, (struct sample_process){.era = 2, .pid = 43});
	ADD(samples, ONE_SAMPLE, WIRE_END_OUTERMOST, 0, EXACT(address));
	ADD(samples, ((struct sample_row){.samples = 1, .process = 1}), WIRE_END_OUTERMOST, 0,
	    EXACT(address));
	snprintf(unknown, sizeof(unknown), "[unknown+0x%" PRIx64 "]", address);
	profile = assemble_of(samples, &profile_kind_cpu, true);
	ASSERT_STACK(profile, 0, "second_code");
	ASSERT_STACK(profile, 1, unknown);
	assert_string_equal(label_text(profile, 0, "pid"), "42");
	assert_string_equal(label_text(profile, 1, "pid"), "43");
	assert_string_equal(profile->strings[profile->title], "a-name (pid 42) and 1 more");
	profile__free(profile);
}

static void a_profile_of_one_process_has_no_pids(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CPU);
	const struct profile *profile;

	(void)state;
	ADD(samples, ((struct sample_row){.samples = 1, .thread = "a-thread"}), WIRE_END_OUTERMOST,
	    0, start_frame());
	profile = assemble(samples, &profile_kind_cpu);
	assert_null(label(profile, &profile->samples[0], "pid"));
	assert_string_equal(label_text(profile, 0, "thread"), "a-thread");
	profile__free(profile);
}

static struct wire_wait wait_in(int call)
{
	return (struct wire_wait){.syscall = call, .state = 1 /* sleeps */};
}

static struct wire_wait futex_wait(int command, uint8_t value)
{
	struct wire_wait wait = wait_in(SYS_futex);

	wait.futex = command + 1;
	wait.futex_value = value;
	return wait;
}

static void add_wait(struct samples *samples, const char *thread, struct wire_wait wait,
		     int64_t waits, int64_t ns)
{
	struct sample_row row = {.wait = wait, .samples = waits * WIRE_WAIT_ONE, .ns = ns};

	strncpy(row.thread, thread, sizeof(row.thread) - 1);
	ADD(samples, row, WIRE_END_OUTERMOST, 0, EXACT(at(MAIN_START, first_code) + 1),
	    start_frame());
}

static void assert_type(const struct profile *profile, uint32_t index, const char *type,
			const char *unit)
{
	assert_true(index < profile->type_count);
	assert_string_equal(profile->strings[profile->types[index].type], type);
	assert_string_equal(profile->strings[profile->types[index].unit], unit);
}

static void waits_are_contentions_and_their_delay(void **state)
{
	struct samples *samples = new_samples(SAMPLES_WAITS);
	const struct profile *profile;

	(void)state;
	samples->walk = "in a test";
	add_wait(samples, "a-thread", wait_in(SYS_read), 7, 123456789);
	profile = assemble(samples, &profile_kind_block);
	assert_int_equal(profile->type_count, 2);
	assert_type(profile, 0, "contentions", "count");
	assert_type(profile, 1, "delay", "nanoseconds");
	assert_int_equal(profile->shown_type, 1);
	assert_string_equal(profile->strings[profile->period_type.type], "contentions");
	assert_int_equal(profile->period, 1);
	assert_int_equal(profile->samples[0].values[0], 7);
	assert_int_equal(profile->samples[0].values[1], 123456789);
	assert_string_equal(label_text(profile, 0, "thread"), "a-thread");
	assert_string_equal(label_text(profile, 0, "reason"), "io");
	assert_null(label(profile, &profile->samples[0], "tid"));
	assert_null(label(profile, &profile->samples[0], "state"));
	profile__free(profile);
}

/* Of sampled waits some stand for a fraction of one; time is never without a wait. */
static void parts_of_waits_are_rounded_but_not_to_none(void **state)
{
	struct samples *samples = new_samples(SAMPLES_WAITS);
	const struct profile *profile;

	(void)state;
	samples->walk = "in a test";
	add_wait(samples, "a", wait_in(SYS_read), 1, 100);
	samples->rows[0].samples = WIRE_WAIT_ONE * 5 / 2;
	add_wait(samples, "b", wait_in(SYS_read), 1, 100);
	samples->rows[1].samples = 1;
	profile = assemble(samples, &profile_kind_block);
	assert_int_equal(profile->samples[0].values[0], 3);
	assert_int_equal(profile->samples[1].values[0], 1);
	profile__free(profile);
}

static void a_mutex_profile_has_the_waits_for_locks_alone(void **state)
{
	struct samples *samples = new_samples(SAMPLES_WAITS);
	const struct profile *profile;

	(void)state;
	samples->walk = "in a test";
	add_wait(samples, "reads", wait_in(SYS_read), 1, 1);
	add_wait(samples, "locks", futex_wait(FUTEX_WAIT, 2), 2, 2);
	add_wait(samples, "waits", futex_wait(FUTEX_WAIT_BITSET, 0), 3, 3);
	profile = assemble(samples, &profile_kind_mutex);
	assert_int_equal(profile->sample_count, 1);
	assert_string_equal(label_text(profile, 0, "thread"), "locks");
	assert_string_equal(label_text(profile, 0, "reason"), "lock");
	profile__free(profile);
}

/* The program's own functions of these names are of 16 bytes each. */
__asm__("sixteen pthread_barrier_wait_of_a_test\n"
	"sixteen pthread_rwlock_of_a_test\n");
extern const char pthread_barrier_wait_of_a_test[], pthread_rwlock_of_a_test[];

static void a_futex_is_called_after_the_function_that_waits_on_it(void **state)
{
	struct samples *samples = new_samples(SAMPLES_WAITS);
	struct sample_row row = {.samples = WIRE_WAIT_ONE, .ns = 1};
	const struct profile *profile;

	(void)state;
	samples->walk = "in a test";
	row.wait = futex_wait(FUTEX_WAIT_BITSET, 0);
	ADD(samples, row, WIRE_END_OUTERMOST, 0, EXACT(at(MAIN_START, first_code) + 1),
	    at(MAIN_START, pthread_rwlock_of_a_test) + 5, start_frame());
	ADD(samples, row, WIRE_END_OUTERMOST, 0, EXACT(at(MAIN_START, first_code) + 1),
	    start_frame());
	/* By its value a mutex. */
	row.wait = futex_wait(FUTEX_WAIT, 2);
	ADD(samples, row, WIRE_END_OUTERMOST, 0, EXACT(at(MAIN_START, first_code) + 1),
	    at(MAIN_START, pthread_barrier_wait_of_a_test) + 5, start_frame());
	profile = assemble(samples, &profile_kind_block);
	assert_string_equal(label_text(profile, 0, "reason"), "lock");
	assert_string_equal(label_text(profile, 1, "reason"), "futex");
	assert_string_equal(label_text(profile, 2, "reason"), "barrier");
	profile__free(profile);
}

static void comments_say_what_of_the_waits_was_left_out_or_lost(void **state)
{
	struct samples *samples = new_samples(SAMPLES_WAITS);
	const struct profile *profile;

	(void)state;
	samples->walk = "in a test";
	samples->wait_min_ns = 2000;
	samples->wait_rate_ns = 500000;
	samples->counters[WIRE_WAIT_COUNTED] = 100;
	samples->counters[WIRE_WAIT_STACK_BUSY] = 20;
	samples->counters[WIRE_WAIT_STACK_FULL] = 3;
	samples->counters[WIRE_WAIT_SHORT] = 44;
	samples->counters[WIRE_WAIT_SHORT_NS] = 55000;
	samples->counters[WIRE_WAIT_LOST] = 6;
	samples->counters[WIRE_WAIT_LOST_NS] = 7000000000;
	samples->counters[WIRE_WAIT_LOST_START] = 8;
	samples->counters[WIRE_WAIT_LOST_END] = 9;
	samples->counters[WIRE_WAIT_FRAME_POINTERS] = 10;
	profile = assemble(samples, &profile_kind_block);
	assert_comment(profile, "123 waits sampled, their stacks walked in a test; of those below "
				"0.0005 s");
	assert_comment(profile, "not in it: 44 waits below 2e-06 s, 5.5e-05 s in all");
	assert_comment(profile, "lost: 6 (call sites), 7 s, + 8 (beginnings) + 9 (ends)");
	assert_comment(profile, "frames passed by frame pointer, for want of unwind rows: 10");
	profile__free(profile);
}

static void wall_is_time_on_and_off_the_cpu(void **state)
{
	struct samples *samples = new_samples(SAMPLES_WALL);
	const struct profile *profile;

	(void)state;
	samples->walk = "in a test";
	add_wait(samples, "a", wait_in(SYS_clock_nanosleep), 0, 25 * PERIOD_NS / 10);
	add_wait(samples, "a", (struct wire_wait){}, 0, 4 * PERIOD_NS);
	samples->rows[1].is_running = true;
	samples->counters[WIRE_CPU_LOST] = 2;
	profile = assemble(samples, &profile_kind_wall);
	assert_type(profile, 0, "samples", "count");
	assert_type(profile, 1, "wall", "nanoseconds");
	assert_string_equal(profile->strings[profile->period_type.type], "wall");
	assert_int_equal(profile->period, PERIOD_NS);
	assert_int_equal(profile->samples[0].values[0], 3);
	assert_int_equal(profile->samples[0].values[1], 25 * PERIOD_NS / 10);
	assert_string_equal(label_text(profile, 0, "state"), "off-cpu");
	assert_string_equal(label_text(profile, 0, "reason"), "sleep");
	assert_int_equal(profile->samples[1].values[0], 4);
	assert_string_equal(label_text(profile, 1, "state"), "on-cpu");
	assert_null(label(profile, &profile->samples[1], "reason"));
	/* What the ticks have lost. */
	ASSERT_STACK(profile, 2, "[lost]");
	assert_int_equal(profile->samples[2].values[1], 2 * PERIOD_NS);
	assert_comment(profile, "cpu: a test at 100 Hz");
	assert_comment(profile, "off cpu: 0 waits sampled");
	profile__free(profile);
}

static void threads_have_a_state_and_the_ones_told_apart_more(void **state)
{
	struct samples *samples = new_samples(SAMPLES_THREADS);
	struct sample_row row = {.samples = 1, .tid = 77, .ns = 5000, .wait = wait_in(SYS_read)};
	const struct profile *profile;

	(void)state;
	ADD(samples, row, WIRE_END_OUTERMOST, 1, KERNEL_PC, EXACT(at(MAIN_START, first_code) + 1),
	    start_frame());
	row = (struct sample_row){.samples = 3, .is_running = true};
	ADD(samples, row, WIRE_END_OUTERMOST, 0, start_frame());
	samples->threads_missed = 2;
	profile = assemble(samples, &profile_kind_goroutine);
	assert_int_equal(profile->type_count, 1);
	assert_type(profile, 0, "goroutine", "count");
	assert_int_equal(profile->period, 1);
	assert_int_equal(profile->samples[0].values[0], 1);
	assert_string_equal(label_text(profile, 0, "state"), "sleeping");
	assert_string_equal(label_text(profile, 0, "reason"), "io");
	assert_string_equal(label_text(profile, 0, "tid"), "77");
	assert_int_equal(label(profile, &profile->samples[0], "waiting")->number, 5000);
	assert_int_equal(profile->samples[1].values[0], 3);
	assert_string_equal(label_text(profile, 1, "state"), "running");
	assert_null(label(profile, &profile->samples[1], "reason"));
	assert_null(label(profile, &profile->samples[1], "tid"));
	assert_null(label(profile, &profile->samples[1], "waiting"));
	assert_null(label(profile, &profile->samples[1], "wchan"));
	assert_comment(profile, "threads: 4; none was stopped to look at it; 2 did not hold still");
	profile__free(profile);
}

static void a_thread_without_a_stack_has_a_frame_that_says_so(void **state)
{
	struct samples *samples = new_samples(SAMPLES_THREADS);
	struct sample_row row = {
		.samples = 1, .wait = {.syscall = SYS_exit, .state = 0x20}
        };
	const struct profile *profile;

	(void)state;
	assert_int_equal(samples__add_stack(samples,
					    (struct sample_stack){
						    .end = WIRE_END_NO_USER,
						    .frames = calloc(1, sizeof(uint64_t)),
					    }),
			 0);
	assert_int_equal(samples__add_row(samples, row), 0);
	profile = assemble(samples, &profile_kind_goroutine);
	ASSERT_STACK(profile, 0, "[no stack]");
	assert_string_equal(label_text(profile, 0, "state"), "zombie");
	assert_comment(profile, "1 whole, 0 truncated, 0 lost");
	profile__free(profile);
}

static void threads_created_are_counted(void **state)
{
	struct samples *samples = new_samples(SAMPLES_CLONES);
	const struct profile *profile;

	(void)state;
	samples->counters[WIRE_CLONE_LOST] = 4;
	ADD(samples, TICKS(11), WIRE_END_OUTERMOST, 0, start_frame());
	profile = assemble(samples, &profile_kind_threadcreate);
	assert_int_equal(profile->type_count, 1);
	assert_type(profile, 0, "threadcreate", "count");
	assert_int_equal(profile->samples[0].values[0], 11);
	assert_null(label(profile, &profile->samples[0], "reason"));
	assert_comment(profile, "threads created since the attach, 4 of them lost");
	profile__free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			of_an_interrupted_frame_only_the_callers_are_looked_up_a_byte_before),
		cmocka_unit_test(an_interrupted_frame_may_have_callees),
		cmocka_unit_test(of_a_heap_sample_all_frames_are_looked_up_a_byte_before),
		cmocka_unit_test(kernel_frames_come_before_user_frames),
		cmocka_unit_test(a_stack_of_kernel_frames_alone_is_whole),
		cmocka_unit_test(the_kind_of_a_frame_is_whose_code_it_is),
		cmocka_unit_test(an_address_without_a_name_is_called_by_file_and_address),
		cmocka_unit_test(the_address_in_such_a_name_is_the_one_in_the_headers),
		cmocka_unit_test(an_address_in_no_mapping_is_unknown),
		cmocka_unit_test(the_page_for_vsyscalls_is_called_by_its_name),
		cmocka_unit_test(a_stack_cut_short_says_why),
		cmocka_unit_test(steps_by_frame_pointer_are_told),
		cmocka_unit_test(a_lost_stack_is_a_lost_frame),
		cmocka_unit_test(ticks_that_were_not_counted_are_a_lost_sample),
		cmocka_unit_test(cpu_samples_are_time),
		cmocka_unit_test(heap_samples_are_scaled),
		cmocka_unit_test(the_allocs_profile_is_the_heap_profile_with_another_default),
		cmocka_unit_test(the_first_mapping_is_the_main_binary),
		cmocka_unit_test(the_main_binary_is_there_without_samples),
		cmocka_unit_test(equal_frames_share_a_location),
		cmocka_unit_test(title_and_times_are_the_collections),
		cmocka_unit_test(comments_say_how_it_was_taken),
		cmocka_unit_test(comments_say_what_of_the_heap_was_lost),
		cmocka_unit_test(a_heap_rate_of_1_is_not_called_sampling),
		cmocka_unit_test(what_else_is_known_is_a_comment_a_line),
		cmocka_unit_test(what_was_there_before_is_a_frame_only_if_asked_for),
		cmocka_unit_test(each_process_has_its_own_mappings),
		cmocka_unit_test(a_profile_of_one_process_has_no_pids),
		cmocka_unit_test(waits_are_contentions_and_their_delay),
		cmocka_unit_test(parts_of_waits_are_rounded_but_not_to_none),
		cmocka_unit_test(a_mutex_profile_has_the_waits_for_locks_alone),
		cmocka_unit_test(a_futex_is_called_after_the_function_that_waits_on_it),
		cmocka_unit_test(comments_say_what_of_the_waits_was_left_out_or_lost),
		cmocka_unit_test(wall_is_time_on_and_off_the_cpu),
		cmocka_unit_test(threads_have_a_state_and_the_ones_told_apart_more),
		cmocka_unit_test(a_thread_without_a_stack_has_a_frame_that_says_so),
		cmocka_unit_test(threads_created_are_counted),
	};

	return cmocka_run_group_tests(tests, start_nursery, stop_nursery);
}
