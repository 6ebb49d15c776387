/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for SIGUSR1, loads plugin_a.so and runs it; waits for another SIGUSR1, unloads it, loads
 * plugin_b.so, most likely at the same address, and runs that. */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <unistd.h>

#include "chain.h"

static volatile sig_atomic_t done;

static void on_signal(int signal)
{
	(void)signal;
	done = 1;
}

APART static void wait_for_signal(void)
{
	while (!done)
		__asm__ volatile("");
}

APART static void run_plugin(void (*run)(volatile sig_atomic_t *done))
{
	run(&done);
	STAY();
}

static void *load(const char *folder, const char *name)
{
	char path[PATH_MAX + 32];
	void *library;

	snprintf(path, sizeof(path), "%s/%s.so", folder, name);
	library = dlopen(path, RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return library;
}

int main(void)
{
	static const char *const names[] = {"plugin_a", "plugin_b"};
	char folder[PATH_MAX] = "";

	signal(SIGUSR1, on_signal);
	if (readlink("/proc/self/exe", folder, sizeof(folder) - 1) < 0)
		return 1;
	dirname(folder);
	puts("chain: " START "wait_for_signal");
	for (size_t i = 0; i < 2; i++)
		printf("chain: " START "run_plugin;%s_run@%s.so;%s_middle@%s.so;%s_leaf@%s.so\n",
		       names[i], names[i], names[i], names[i], names[i], names[i]);
	say_ready();
	wait_for_signal();
	for (size_t i = 0;; i = !i) {
		void *library = load(folder, names[i]);
		char name[32];
		void *run;

		snprintf(name, sizeof(name), "%s_run", names[i]);
		run = dlsym(library, name);
		printf("loaded %s at %p\n", names[i], run);
		fflush(stdout);
		done = 0;
		run_plugin(run);
		dlclose(library);
	}
}
