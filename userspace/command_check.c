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
#include "heap_trial.h"
#include "privilege/capabilities.h"
#include "privilege/sandbox.h"

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

/* In the order in which one misses them. proc(5) says what the last but one is for:
 * /proc/PID/map_files, auxv and mem belong to the target's user, and the links in map_files want
 * the last besides. */
static const struct needed {
	unsigned int capability, other; /* the second does as well */
	enum verdict without;
	const char *what, *remedy;
} needed[] = {
	{CAP_BPF,                CAP_SYS_ADMIN,    BAD,  "CAP_BPF",                                   "needs CAP_BPF to load programs: try sudo"                                     },
	{CAP_PERFMON,            CAP_SYS_ADMIN,    BAD,  "CAP_PERFMON",
	 "needs CAP_PERFMON to sample and probe: try sudo"															   },
	{CAP_SYS_PTRACE,         CAP_SYS_PTRACE,   BAD,  "CAP_SYS_PTRACE",
	 "needs CAP_SYS_PTRACE to read other users' processes: try sudo"													     },
	{CAP_DAC_READ_SEARCH,    CAP_DAC_OVERRIDE, NOTE, "CAP_DAC_READ_SEARCH: any process's files",
	 "of other users' processes, files that are deleted, replaced or not for everybody to read "
	 "get no names, and the order of allocators is not known: needs CAP_DAC_READ_SEARCH"                                                                                         },
	{CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN,    NOTE,
	 "CAP_CHECKPOINT_RESTORE: files that are deleted or replaced",				"files that are deleted or replaced get no names: needs CAP_CHECKPOINT_RESTORE"},
	{CAP_SYSLOG,             CAP_SYSLOG,       NOTE, "CAP_SYSLOG: addresses of kernel functions",
	 "names of kernel functions need it where the kernel hides their addresses"												  },
};

static struct finding check_capability(const struct needed *need)
{
	bool there = capabilities__has(need->capability) || capabilities__has(need->other);
	struct finding finding = {
		.verdict = there ? GOOD : need->without,
		.remedy = there ? NULL : need->remedy,
	};

	snprintf(finding.what, sizeof(finding.what), "%s", need->what);
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
	if (level > 0 && !capabilities__has(CAP_PERFMON) && !capabilities__has(CAP_SYS_ADMIN)) {
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
	return tried(
		"CPU sampling by cpu-clock", support__cpu_clock(), BAD,
		"needs CAP_PERFMON, and CAP_SYS_ADMIN, too, where the distribution's kernel "
		"wants it while kernel.perf_event_paranoid is above 2 (try sudo); and a kernel "
		"with CONFIG_PERF_EVENTS");
}

static struct finding check_events_without_admin(void)
{
	return tried("perf events without CAP_SYS_ADMIN",
		     capabilities__try_without(CAP_SYS_ADMIN, support__cpu_clock), NOTE,
		     "exoprof keeps that capability: kernel.perf_event_paranoid=2 spares it");
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
	return tried("session uprobes: a heap's probes without CAP_SYS_ADMIN",
		     support__session_uprobes() ? 0 : -ENOTSUP, NOTE,
		     "needs Linux 6.13 or later; the heap is followed by uprobes and uretprobes "
		     "instead, which cost more and take CAP_SYS_ADMIN");
}

static struct finding check_inline(void)
{
	return tried(
		"code in the target for --heap-mode inline", heap_trial__inline(), NOTE,
		"heaps are followed by uprobes alone: it needs CAP_SYS_PTRACE, and that memory "
		"may be executed which a process has from memfd_create(2)");
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

/* Of "[none] integrity confidentiality" the one in brackets. */
static struct finding check_lockdown(void)
{
	FILE *in = fopen("/sys/kernel/security/lockdown", "re");
	struct finding finding = {.verdict = GOOD};
	char level[32] = "not told of";

	if (in) {
		if (fscanf(in, "%*[^[][%31[^]]", level) != 1 && !fseek(in, 0, SEEK_SET) &&
		    fscanf(in, "[%31[^]]", level) != 1)
			strcpy(level, "unknown");
		fclose(in);
	}
	snprintf(finding.what, sizeof(finding.what), "kernel lockdown is %s", level);
	if (!strcmp(level, "confidentiality")) {
		finding.verdict = BAD;
		finding.remedy = "BPF programs may not read memory there: needs lockdown=integrity";
	}
	return finding;
}

/* Its third level refuses everybody what ptrace(2) takes, as reading another one's memory does
 * (Documentation/admin-guide/LSM/Yama.rst). */
static struct finding check_yama(void)
{
	FILE *in = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	struct finding finding = {.verdict = GOOD};
	int scope = 0;

	if (in) {
		if (fscanf(in, "%d", &scope) != 1)
			scope = 0;
		fclose(in);
	}
	snprintf(finding.what, sizeof(finding.what), "Yama's ptrace_scope is %d", scope);
	if (scope >= 3) {
		finding.verdict = NOTE;
		finding.remedy = "exoprof run starts nothing, and nothing is known of what is in "
				 "the targets' memory: needs kernel.yama.ptrace_scope=2 or less";
	}
	return finding;
}

static struct finding check_sandbox(void)
{
	struct sandbox_figures figures;

	sandbox__figures(&figures);
	if (figures.is_off)
		return (struct finding){
			.verdict = NOTE,
			.what = "exoprof's sandbox",
			.remedy = "is off: EXOPROF_SANDBOX is set",
		};
	return tried("exoprof's sandbox (seccomp)", sandbox__support(), NOTE,
		     "exoprof's threads may make any system call: needs a kernel with "
		     "CONFIG_SECCOMP_FILTER");
}

static struct finding (*const checks[])(void) = {
	check_paranoid,
	check_programs,
	check_cycles,
	check_cpu_clock,
	check_events_without_admin,
	check_perf_uprobe,
	check_session_uprobes,
	check_inline,
	check_kallsyms,
	check_lockdown,
	check_yama,
	check_sandbox,
};

/* Whether exoprof works all the same. */
static bool show(const struct finding *finding)
{
	static const char *const words[] = {[GOOD] = "ok  ", [NOTE] = "note", [BAD] = "FAIL"};

	printf("%s  %s\n", words[finding->verdict], finding->what);
	if (finding->remedy)
		printf("      %s\n", finding->remedy);
	return finding->verdict != BAD;
}

int check_command(const struct options *options)
{
	struct finding finding = check_kernel();
	bool works = show(&finding);

	(void)options;
	finding = check_btf();
	works &= show(&finding);
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		finding = check_capability(&needed[i]);
		works &= show(&finding);
	}
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		finding = checks[i]();
		works &= show(&finding);
	}
	puts(works ? "exoprof works here." : "exoprof does not work here as it is.");
	return works ? EXIT_SUCCESS : EXIT_FAILURE;
}
