// SPDX-License-Identifier: Apache-2.0
// What the server says, as it says it.

export interface Target {
	pid: number;
	name: string;
	command: string[];
	alive: boolean;
	started_ms: number;
	threads: number;
}

export interface Kind {
	name: string;
	title: string;
	takes_seconds: boolean;
	count: number | null;
	why_not: string | null;
}

export interface Heap {
	followed: boolean;
	text: string;
	warning: string;
	probe_cpu_share: number | null;
	hits_per_second: number | null;
}

export interface History {
	start_ms: number;
	step_ms: number;
	cpu: (number | null)[];
	rss: (number | null)[];
	threads: (number | null)[];
}

export interface Status {
	version: string;
	now_ms: number;
	attached_ms: number;
	targets: Target[];
	target_count: number;
	kinds: Kind[];
	heap: Heap;
	losses: { what: string; count: number }[];
	stacks: { whole: number; truncated: number };
	self: { cpu_seconds: number; rss_bytes: number; map_bytes: number };
	history: History;
}

export interface Snapshot {
	id: number;
	kind: string;
	query: string;
	taken_ms: number;
	duration_ms: number;
	bytes: number;
	title: string;
	pprof: string;
}

export interface SnapshotList {
	snapshots: Snapshot[];
	bytes: number;
	max_bytes: number;
	max_count: number;
}

export interface ValueType {
	type: string;
	unit: string;
}

export interface Outcome {
	whole: number;
	truncated: number;
	lost_stacks: number;
	lost: number;
}

/** The format `tree`: columns, and the nodes in preorder. */
export interface TreeFile {
	version: number;
	title: string;
	kind: string;
	time_ms: number;
	duration_ms: number;
	types: ValueType[];
	shown: number;
	/** By type: the sum of what the tree leaves out, because it is below zero. */
	below_zero: number[];
	comments: string[];
	outcome: Outcome;
	diff: boolean;
	strings: string[];
	frames: {
		name: number[];
		module: number[];
		file: number[];
		line: number[];
		kind: number[];
	};
	nodes: { depth: number[]; frame: number[]; self: number[][]; base?: number[][] };
}
