// SPDX-License-Identifier: Apache-2.0
/* Puts a stub into a process and takes it out again, TIMES times, without probes: what userspace/
 * inline does to a target, and nothing else. Says what of the allocator cannot be followed so, then
 * how it went. Status 1 where it did not go well.
 * Usage: put_stub PID TIMES HOLD_MS [ALLOCATOR]; glibc if none is named */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inline/visit.h"

#define HEAP_RATE   (16 << 10) /* bytes: thirty times as many samples as by default */
#define BUCKET_BITS 13

struct job {
	pid_t pid;
	const struct maps *maps;
	const struct allocator *allocator;
	struct plan *plan;
};

static int find_allocator(const struct maps *maps, const char *name, struct allocator *allocator)
{
	for (size_t i = 0; i < maps->count; i++) {
		if (!maps->items[i].file || allocator__read(allocator, maps->items[i].file, NULL))
			continue;
		if (!strcmp(allocator->name, name))
			return 0;
		allocator__release(allocator);
	}
	return -ENOENT;
}

static void describe(const struct plan *plan, const struct allocator *allocator)
{
	printf("%s: %zu of %zu functions\n", allocator->name, plan->possible, plan->count);
	if (plan->why)
		printf("none: %s\n", plan->why);
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_function *function = &plan->functions[i];

		if (function->why)
			printf("not %s: %s\n", function->probe->function, function->why);
	}
	fflush(stdout);
}

static int once(const struct job *job, unsigned int hold_ms, int64_t *longest_ns)
{
	struct installation *installation;
	int err = visit__map(job->pid, job->plan, job->maps, HEAP_RATE, &installation), end_err;

	if (err)
		return err;
	err = visit__activate(installation);
	if (!err)
		usleep(hold_ms * 1000);
	end_err = visit__deactivate(installation);
	if (!end_err)
		end_err = visit__unmap(installation);
	if (installation__stopped_ns(installation) > *longest_ns)
		*longest_ns = installation__stopped_ns(installation);
	installation__free(installation);
	return err ? err : end_err;
}

static int put_often(const struct job *job, int times, unsigned int hold_ms)
{
	int64_t longest_ns = 0;
	int failed = 0, err = 0;

	if (job->plan->why)
		return 1;
	for (int i = 0; i < times; i++) {
		int this_err = once(job, hold_ms, &longest_ns);

		if (this_err)
			printf("time %d: %s\n", i + 1, strerror(-this_err));
		failed += this_err != 0;
		err = this_err ? this_err : err;
	}
	printf("%d times, %d failed%s%s, stopped for %.1f ms at most\n", times, failed,
	       failed ? ": " : "", failed ? strerror(-err) : "", longest_ns / 1e6);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct job job = {.pid = argc >= 4 ? atoi(argv[1]) : 0};
	struct process *process = process__open(job.pid);
	struct files *files = files__new();
	struct maps *maps = process && files ? maps__read(process, files, NULL) : NULL;
	struct allocator allocator;
	int status = 1;

	if (!maps || find_allocator(maps, argc > 4 ? argv[4] : "glibc", &allocator)) {
		fprintf(stderr, "put_stub: no such process, or no allocator\n");
		return 2;
	}
	job.maps = maps;
	job.allocator = &allocator;
	job.plan = plan__make(job.pid, maps, &allocator, NULL,
			      &(struct stub_books){.bucket_bits = BUCKET_BITS});
	if (job.plan) {
		describe(job.plan, &allocator);
		status = put_often(&job, atoi(argv[2]), atoi(argv[3]));
	}
	free(job.plan);
	allocator__release(&allocator);
	maps__put(maps);
	files__free(files);
	process__close(process);
	return status;
}
