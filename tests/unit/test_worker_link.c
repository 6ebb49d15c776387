// SPDX-License-Identifier: Apache-2.0
/* Whatever the other side is: names, or none, and soon. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "symbol/found_message.h"
#include "symbol/symbolizer.h"
#include "theatre.h"

#define SEED      "tests/fuzz/corpus/symbolize/dwarf5"
#define ANSWER_MS 200

static struct symbolizer *open_theatre(struct theatre *theatre, play *play)
{
	struct symbolizer *symbolizer;

	theatre__open(theatre, MESSAGE_FIND, play);
	symbolizer = symbolizer__new(
		&(struct symbolizer_options){.workers = &theatre->source, .answer_ms = ANSWER_MS});
	assert_non_null(symbolizer);
	return symbolizer;
}

static struct mapping open_mapping(void)
{
	int fd = open(SEED, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (struct mapping){
		.end = st.st_size, .file = elf_file__open(fd, "a\033[31mfile"), .name = "file"};
}

static struct worker_figures figures_of(const struct symbolizer *symbolizer)
{
	struct symbolizer_figures figures;

	symbolizer__figures(symbolizer, &figures);
	return figures.worker;
}

/* --- plays --- */

static struct found plain_found(uint64_t address)
{
	return (struct found){
		.lines = {{.system_name = "_Z1fv", .name = "f", .file = "f.c", .line = 7}},
		.count = 1,
		.function_vaddr = address,
	};
}

static void tell_done(int socket)
{
	struct message done = {.fd = -1};

	message__begin(&done, MESSAGE_DONE);
	message__put_number(&done, 1);
	message__put_number(&done, 1000);
	message__send(&done, socket, -1, INT64_MAX);
	message__release(&done);
}

/* All that is asked for, with this done to each answer. */
static void tell_all(int socket, struct message *question, void (*change)(struct found *found))
{
	struct message answers = {.fd = -1};
	uint64_t count;

	message__take_number(question);
	message__take_number(question);
	count = message__take_number(question);
	message__begin(&answers, MESSAGE_ANSWERS);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t address = message__take_number(question);
		struct found found = plain_found(address);

		if (change)
			change(&found);
		message__put_number(&answers, address);
		message__put_number(&answers, true);
		found_message__put(&answers, &found);
	}
	message__send(&answers, socket, -1, INT64_MAX);
	message__release(&answers);
	tell_done(socket);
}

static void is_honest(int socket, struct message *question)
{
	tell_all(socket, question, NULL);
}

/* Tells some, over and over, and never all: of a message that does not end. */
static void drips(int socket, struct message *question)
{
	uint32_t header[] = {MESSAGE_ANSWERS, 1000};

	(void)question;
	send(socket, header, sizeof(header), MSG_NOSIGNAL);
	while (send(socket, "", 1, MSG_NOSIGNAL) == 1)
		usleep(10000);
}

static void asks_without_end(int socket, struct message *question)
{
	struct message want = {.fd = -1};

	(void)question;
	for (;;) {
		message__begin(&want, MESSAGE_WANTS_PART);
		message__put_number(&want, false);
		message__put_number(&want, true);
		message__put_text(&want, "/nowhere");
		if (message__send(&want, socket, -1, INT64_MAX) ||
		    message__receive(&want, socket, INT64_MAX))
			_exit(0);
	}
}

static void says_what_was_not_asked(int socket, struct message *question)
{
	struct message name = {.fd = -1};

	(void)question;
	message__begin(&name, MESSAGE_NAME);
	message__put_text(&name, "f");
	message__send(&name, socket, -1, INT64_MAX);
}

static void is_done_too_soon(int socket, struct message *question)
{
	(void)question;
	tell_done(socket);
}

static void tells_of_another_address(int socket, struct message *question)
{
	struct message answers = {.fd = -1};
	struct found found = plain_found(0);

	(void)question;
	message__begin(&answers, MESSAGE_ANSWERS);
	message__put_number(&answers, 0x123456);
	message__put_number(&answers, true);
	found_message__put(&answers, &found);
	message__send(&answers, socket, -1, INT64_MAX);
}

static void tells_too_many_lines(int socket, struct message *question)
{
	struct message answers = {.fd = -1};

	message__take_number(question);
	message__take_number(question);
	message__take_number(question);
	message__begin(&answers, MESSAGE_ANSWERS);
	message__put_number(&answers, message__take_number(question));
	message__put_number(&answers, true);
	message__put_number(&answers, FOUND_LINES_MAX + 1);
	message__put_number(&answers, 0);
	message__put_number(&answers, 0);
	for (int i = 0; i <= FOUND_LINES_MAX; i++) {
		message__put_text(&answers, "f");
		message__put_text(&answers, NULL);
		message__put_text(&answers, NULL);
		message__put_number(&answers, 1);
		message__put_number(&answers, 1);
	}
	message__send(&answers, socket, -1, INT64_MAX);
	tell_done(socket);
}

static void lose_name(struct found *found)
{
	found->lines[0].system_name = NULL;
}

static void tells_no_name(int socket, struct message *question)
{
	tell_all(socket, question, lose_name);
}

static void empty_name(struct found *found)
{
	found->lines[0].system_name = "";
}

static void tells_an_empty_name(int socket, struct message *question)
{
	tell_all(socket, question, empty_name);
}

static void overdo_numbers(struct found *found)
{
	found->function_vaddr = UINT64_MAX;
	found->lines[0].line = -5;
	found->lines[0].start_line = INT64_MAX;
}

static void tells_mad_numbers(int socket, struct message *question)
{
	tell_all(socket, question, overdo_numbers);
}

/* --- what becomes of it --- */

static void an_honest_one_is_believed(void **state)
{
	struct theatre theatre;
	struct symbolizer *symbolizer = open_theatre(&theatre, is_honest);
	struct mapping mapping = open_mapping();
	struct symbol_answer answer;

	(void)state;
	symbolizer__user(symbolizer, &mapping, 0x300, &answer);
	assert_int_equal(answer.count, 1);
	assert_string_equal(answer.lines[0].name, "f");
	assert_string_equal(answer.lines[0].system_name, "_Z1fv");
	assert_int_equal(answer.lines[0].line, 7);
	assert_int_equal(symbolizer__lost(symbolizer), 0);
	assert_int_equal(theatre.started, 1);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
}

static const struct {
	play *play;
	enum worker_end end;
} bad_ones[] = {
	{dies,		     WORKER_DIED     },
	{hangs,		    WORKER_HUNG     },
	{drips,		    WORKER_HUNG     },
	{asks_without_end,         WORKER_HUNG     },
	{raves,		    WORKER_MALFORMED},
	{says_what_was_not_asked,  WORKER_MALFORMED},
	{is_done_too_soon,         WORKER_MALFORMED},
	{tells_of_another_address, WORKER_MALFORMED},
	{tells_too_many_lines,     WORKER_MALFORMED},
	{tells_no_name,            WORKER_MALFORMED},
	{tells_an_empty_name,      WORKER_MALFORMED},
};

/* Twice, and then it is not asked any more. */
static void assert_no_names(play *play, enum worker_end end)
{
	struct theatre theatre;
	struct symbolizer *symbolizer = open_theatre(&theatre, play);
	struct mapping mapping = open_mapping();
	int64_t began_ms = clock__monotonic_ms();
	struct symbol_answer answer;

	for (uint64_t pc = 0x300; pc < 0x310; pc++)
		symbolizer__expect_user(symbolizer, &mapping, pc);
	symbolizer__look_up(symbolizer);
	for (uint64_t pc = 0x300; pc < 0x310; pc++) {
		symbolizer__user(symbolizer, &mapping, pc, &answer);
		assert_int_equal(answer.count, 0);
		assert_true(answer.function_vaddr != 0);
	}
	assert_int_equal(symbolizer__lost(symbolizer), 16);
	assert_int_equal(theatre.started, 2);
	assert_int_equal(figures_of(symbolizer).ends.counts[end], 2);
	/* Nor in the next profile. */
	symbolizer__look_again(symbolizer);
	symbolizer__user(symbolizer, &mapping, 0x300, &answer);
	assert_int_equal(answer.count, 0);
	assert_int_equal(theatre.started, 2);
	assert_true(clock__monotonic_ms() - began_ms < 20 * ANSWER_MS);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
}

static void a_bad_one_gives_no_names_and_costs_little_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_ones) / sizeof(*bad_ones); i++)
		assert_no_names(bad_ones[i].play, bad_ones[i].end);
}

static void mad_numbers_are_unknown_ones(void **state)
{
	struct theatre theatre;
	struct symbolizer *symbolizer = open_theatre(&theatre, tells_mad_numbers);
	struct mapping mapping = open_mapping();
	struct symbol_answer answer;

	(void)state;
	symbolizer__user(symbolizer, &mapping, 0x300, &answer);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.offset, 0);
	assert_int_equal(answer.lines[0].line, 0);
	assert_int_equal(answer.lines[0].start_line, 0);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
}

/* Only over one address. */
static void is_touchy(int socket, struct message *question)
{
	struct message copy = *question;

	message__take_number(&copy);
	message__take_number(&copy);
	for (uint64_t i = message__take_number(&copy); i; i--) {
		if (message__take_number(&copy) != 0x305)
			continue;
		/* Those before it. */
		question->at = 0;
		memcpy(question->bytes + 16, &(uint64_t){5}, 8);
		tell_all(socket, question, NULL);
		_exit(0);
	}
	tell_all(socket, question, NULL);
}

static void only_the_address_it_died_over_is_lost(void **state)
{
	struct theatre theatre;
	struct symbolizer *symbolizer = open_theatre(&theatre, is_touchy);
	struct mapping mapping = open_mapping();
	struct symbol_answer answer;

	(void)state;
	for (uint64_t pc = 0x300; pc < 0x310; pc++)
		symbolizer__expect_user(symbolizer, &mapping, pc);
	symbolizer__look_up(symbolizer);
	for (uint64_t pc = 0x300; pc < 0x310; pc++) {
		symbolizer__user(symbolizer, &mapping, pc, &answer);
		assert_int_equal(answer.count, pc == 0x305 ? 0 : 1);
	}
	assert_int_equal(symbolizer__lost(symbolizer), 1);
	assert_int_equal(theatre.started, 2);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
}

/* Killed by somebody: that is no file's fault, however often. */
static void one_that_is_gone_between_questions_costs_nothing(void **state)
{
	struct theatre theatre;
	struct symbolizer *symbolizer = open_theatre(&theatre, is_honest);
	struct mapping mapping = open_mapping();
	struct symbol_answer answer;

	(void)state;
	for (uint64_t pc = 0x300; pc < 0x304; pc++) {
		symbolizer__user(symbolizer, &mapping, pc, &answer);
		assert_int_equal(answer.count, 1);
		theatre__end(&theatre);
	}
	assert_int_equal(theatre.started, 4);
	assert_int_equal(figures_of(symbolizer).ends.counts[WORKER_DIED], 3);
	assert_int_equal(symbolizer__lost(symbolizer), 0);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_one_is_believed),
		cmocka_unit_test(a_bad_one_gives_no_names_and_costs_little_time),
		cmocka_unit_test(mad_numbers_are_unknown_ones),
		cmocka_unit_test(only_the_address_it_died_over_is_lost),
		cmocka_unit_test(one_that_is_gone_between_questions_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
