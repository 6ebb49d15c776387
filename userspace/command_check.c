// SPDX-License-Identifier: Apache-2.0
/* One line for each thing that is needed, and what to do where it is missing. */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/kernel.h"
#include "collect/support.h"
#include "commands.h"

enum verdict {
	GOOD,
	NOTE, /* works without it, less well */
	BAD,
};

struct finding {
	enum verdict verdict;
	char what[128];
	const char *remedy; /* NULL: none needed */
};

/* bpf_get_attach_cookie(), bpf_task_pt_regs() and bpf_get_current_task_btf() in our programs. */
static struct finding check_kernel(void)
{
	struct finding finding = {.verdict = GOOD};
	struct utsname kernel;

	uname(&kernel);
	snprintf(finding.what, sizeof(finding.what), "kernel %.80s on %.20s", kernel.release,
		 kernel.machine);
	if (kernel__version() < KERNEL_VERSION(5, 15, 0)) {
		finding.verdict = BAD;
		finding.remedy = "needs Linux 5.15 or later";
	} else if (strcmp(kernel.machine, "x86_64")) {
		finding.verdict = BAD;
		finding.remedy = "needs an x86_64 machine";
	}
	return finding;
}

static struct finding check_btf(void)
{
	bool there = !access("/sys/kernel/btf/vmlinux", R_OK);

	return (struct finding){
		.verdict = there ? GOOD : BAD,
		.what = "type information of the kernel (/sys/kernel/btf/vmlinux)",
		.remedy = there ? NULL : "needs a kernel built with CONFIG_DEBUG_INFO_BTF",
	};
}

static uint64_t effective_capabilities(void)
{
	FILE *in = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t set = 0;

	while (in && fgets(line, sizeof(line), in)) {
		if (sscanf(line, "CapEff: %" SCNx64, &set) == 1)
			break;
	}
	if (in)
		fclose(in);
	return set;
}

static bool has(uint64_t set, int capability)
{
	return set >> capability & 1 || set >> CAP_SYS_ADMIN & 1;
}

static struct finding check_capabilities(void)
{
	uint64_t set = effective_capabilities();
	struct finding finding = {.verdict = BAD};

	snprintf(finding.what, sizeof(finding.what), "capabilities (%" PRIx64 ")", set);
	if (!has(set, CAP_BPF))
		finding.remedy = "needs CAP_BPF to load programs: try sudo";
	else if (!has(set, CAP_PERFMON))
		finding.remedy = "needs CAP_PERFMON to sample and probe: try sudo";
	else if (!has(set, CAP_SYS_PTRACE))
		finding.remedy = "needs CAP_SYS_PTRACE to read other users' processes: try sudo";
	else
		finding.verdict = GOOD;
	return finding;
}

/* proc(5): /proc/PID/map_files, auxv and mem belong to the target's user, and the links in
 * map_files want CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN besides. CAP_DAC_OVERRIDE lets read, too.
 */
static struct finding check_files(void)
{
	uint64_t set = effective_capabilities();
	struct finding finding = {.verdict = NOTE, .what = "any process's files"};

	if (!(set >> CAP_DAC_READ_SEARCH & 1 || set >> CAP_DAC_OVERRIDE & 1))
		finding.remedy =
			"of other users' processes, files that are deleted, replaced or not for "
			"everybody to read get no names, and the order of allocators is not "
			"known: needs CAP_DAC_READ_SEARCH";
	else if (!has(set, CAP_CHECKPOINT_RESTORE))
		finding.remedy = "files that are deleted or replaced get no names: needs "
				 "CAP_CHECKPOINT_RESTORE";
	else
		finding.verdict = GOOD;
	return finding;
}

static struct finding check_paranoid(void)
{
	struct finding finding = {.verdict = GOOD};
	FILE *in = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int level = 4;

	if (in) {
		if (fscanf(in, "%d", &level) != 1)
			level = 4;
		fclose(in);
	}
	snprintf(finding.what, sizeof(finding.what), "perf_event_paranoid is %d", level);
	/* perf_event_open() of all processes on a CPU wants 0 or less, or the capability. */
	if (level > 0 && !has(effective_capabilities(), CAP_PERFMON)) {
		finding.verdict = BAD;
		finding.remedy = "needs CAP_PERFMON at that level: try sudo";
	}
	return finding;
}

static struct finding tried(const char *what, int err, enum verdict if_not, const char *remedy)
{
	struct finding finding = {.verdict = err ? if_not : GOOD, .remedy = err ? remedy : NULL};

	if (err)
		snprintf(finding.what, sizeof(finding.what), "%s: %s", what, strerror(-err));
	else
		snprintf(finding.what, sizeof(finding.what), "%s", what);
	return finding;
}

static struct finding check_programs(void)
{
	return tried("BPF programs load", support__programs(), BAD,
		     "needs CAP_BPF and CAP_PERFMON (try sudo), and a kernel that is not locked "
		     "down to confidentiality");
}

static struct finding check_cycles(void)
{
	return tried("CPU sampling by hardware cycles", support__cycles(), NOTE,
		     "samples by cpu-clock instead: code that runs with interrupts off shows where "
		     "it turns them on");
}

static struct finding check_cpu_clock(void)
{
	return tried("CPU sampling by cpu-clock", support__cpu_clock(), BAD,
		     "needs CAP_PERFMON (try sudo) and a kernel with CONFIG_PERF_EVENTS");
}

static struct finding check_perf_uprobe(void)
{
	/* Where there are session uprobes nothing probes by these. CAP_PERFMON was enough for them
	 * until it was found to let its owner change what programs do (CVE-2025-38466). */
	return tried(
		"uprobes by perf event", support__perf_uprobe(),
		support__session_uprobes() ? NOTE : BAD,
		"needs CAP_SYS_ADMIN (try sudo) and a kernel with CONFIG_UPROBE_EVENTS; session "
		"uprobes do without");
}

static struct finding check_session_uprobes(void)
{
	return tried("session uprobes", support__session_uprobes() ? 0 : -ENOTSUP, NOTE,
		     "needs Linux 6.13 or later; the heap is followed by uprobes and uretprobes "
		     "instead, which cost more");
}

static struct finding check_kallsyms(void)
{
	struct finding finding = {.verdict = GOOD, .what = "names of kernel functions"};
	FILE *in = fopen("/proc/kallsyms", "re");
	uint64_t address = 0;

	if (in) {
		if (fscanf(in, "%" SCNx64, &address) != 1)
			address = 0;
		/* The first symbol may be at 0 where addresses of per-CPU data count from there. */
		for (int c = 0; !address && c != EOF;) {
			while ((c = fgetc(in)) != EOF && c != '\n')
				;
			if (fscanf(in, "%" SCNx64, &address) != 1)
				break;
		}
		fclose(in);
	}
	if (!address) {
		finding.verdict = NOTE;
		finding.remedy = "kernel frames show as addresses: needs CAP_SYSLOG or "
				 "both kernel.kptr_restrict=0 and kernel.perf_event_paranoid=1";
	}
	return finding;
}

static struct finding (*const checks[])(void) = {
	check_kernel,   check_btf,    check_capabilities, check_files,       check_paranoid,
	check_programs, check_cycles, check_cpu_clock,    check_perf_uprobe, check_session_uprobes,
	check_kallsyms,
};

int check_command(const struct options *options)
{
	static const char *const words[] = {[GOOD] = "ok  ", [NOTE] = "note", [BAD] = "FAIL"};
	bool works = true;

	(void)options;
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		struct finding finding = checks[i]();

		printf("%s  %s\n", words[finding.verdict], finding.what);
		if (finding.remedy)
			printf("      %s\n", finding.remedy);
		works = works && finding.verdict != BAD;
	}
	puts(works ? "exoprof works here." : "exoprof does not work here as it is.");
	return works ? EXIT_SUCCESS : EXIT_FAILURE;
}
