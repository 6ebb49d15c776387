// SPDX-License-Identifier: Apache-2.0
// A tree of calls with one value: what is drawn, searched and added up.
import { KIND, type Frames, type Profile } from './profile';

/** By node, in preorder: a node's descendants are those from the next one up to `end`. */
export interface CallTree {
	frames: Frames;
	frame: Int32Array;
	depth: Int32Array;
	parent: Int32Array;
	end: Int32Array;
	/** The node of the profile that it was made from. */
	origin: Int32Array;
	self: Float64Array;
	total: Float64Array;
	/** Of a diff: what there was before. */
	before: { self: Float64Array; total: Float64Array } | null;
}

/** Columns in preorder, of which a tree is made. */
export interface Columns {
	frame: Int32Array;
	depth: Int32Array;
	origin: Int32Array;
	self: Float64Array;
	before: Float64Array | null;
}

function parents(depth: Int32Array): Int32Array {
	const parent = new Int32Array(depth.length).fill(-1);
	const open: number[] = [0];

	for (let i = 1; i < depth.length; i++) {
		const deep = depth[i]!;

		parent[i] = open[deep - 1]!;
		open[deep] = i;
	}
	return parent;
}

// A child comes after its parent, so from the last node on all children are known.
function ends(parent: Int32Array): Int32Array {
	const end = new Int32Array(parent.length);

	for (let i = parent.length - 1; i >= 0; i--) {
		end[i] = Math.max(end[i]!, i + 1);
		if (i > 0)
			end[parent[i]!] = Math.max(end[parent[i]!]!, end[i]!);
	}
	return end;
}

export function sums(parent: Int32Array, self: Float64Array): Float64Array {
	const total = Float64Array.from(self);

	for (let i = total.length - 1; i > 0; i--)
		total[parent[i]!]! += total[i]!;
	return total;
}

export function makeTree(frames: Frames, columns: Columns): CallTree {
	const parent = parents(columns.depth);
	const { before, ...rest } = columns;

	return {
		...rest,
		frames,
		parent,
		end: ends(parent),
		total: sums(parent, columns.self),
		before: before && { self: before, total: sums(parent, before) },
	};
}

/** The profile by one of its types. */
export function treeOf(profile: Profile, type: number): CallTree {
	return makeTree(profile.frames, {
		frame: profile.frame,
		depth: profile.depth,
		origin: profile.depth.map((_, node) => node),
		self: profile.self[type]!,
		before: profile.base ? profile.base[type]! : null,
	});
}

// Where a thread waits for something to do, as against waiting for something to be done: what is
// seen of it says how many threads there are, not what the program is slow at.
const IDLE = new Set([
	'epoll_wait',
	'epoll_pwait',
	'epoll_pwait2',
	'poll',
	'ppoll',
	'select',
	'pselect',
	'pselect64',
	'nanosleep',
	'clock_nanosleep',
	'usleep',
	'sleep',
	'pause',
	'sigsuspend',
	'sigwait',
	'sigwaitinfo',
	'sigtimedwait',
	'accept',
	'accept4',
	'wait4',
	'waitpid',
	'waitid',
	'pthread_cond_wait',
	'pthread_cond_timedwait',
	'pthread_cond_clockwait',
	'pthread_join',
	'io_getevents',
	'io_uring_wait_cqe',
	'do_epoll_wait',
	'ep_poll',
	'do_sys_poll',
	'do_select',
	'do_nanosleep',
	'hrtimer_nanosleep',
	'do_sigtimedwait',
	'do_pause',
	'io_cqring_wait',
	'inet_csk_accept',
	'do_wait',
	'kernel_wait4',
]);

function isIdleName(name: string): boolean {
	// glibc's and the kernel's names: __GI___poll, epoll_wait@plt, do_sigtimedwait.isra.0, ...
	const bare = name
		.replace(/^__x64_sys_(rt_)?/, '')
		.replace(/^(__GI_)?_*(libc_)?|([@.].*|_common|64_time64|_time64)$/g, '');

	return IDLE.has(bare);
}

export function idleFrames(frames: Frames): Uint8Array {
	return Uint8Array.from(frames.name, (name) => (isIdleName(name) ? 1 : 0));
}

export function kernelFrames(frames: Frames): Uint8Array {
	return frames.kind.map((kind) => (kind === KIND.kernel ? 1 : 0));
}

export interface Hidden {
	tree: CallTree;
	/** What is not in the tree any more. */
	value: number;
}

function gather<A extends Int32Array | Float64Array>(source: A, nodes: number[], into: A): A {
	for (let i = 0; i < nodes.length; i++)
		into[i] = source[nodes[i]!]!;
	return into;
}

function keep(
	tree: CallTree,
	nodes: number[],
	self: Float64Array,
	before: Float64Array | null,
): CallTree {
	const numbers = (source: Int32Array) => gather(source, nodes, new Int32Array(nodes.length));
	const values = (source: Float64Array) =>
		gather(source, nodes, new Float64Array(nodes.length));

	return makeTree(tree.frames, {
		frame: numbers(tree.frame),
		depth: numbers(tree.depth),
		origin: numbers(tree.origin),
		self: values(self),
		before: before && values(before),
	});
}

/** The tree without the subtrees of these frames. What they had is their callers' own (`fold`), as
 * if the callers did it themselves, or is gone. */
export function hide(tree: CallTree, frames: Uint8Array, fold: boolean): Hidden {
	const self = Float64Array.from(tree.self);
	const before = tree.before && Float64Array.from(tree.before.self);
	const kept: number[] = [0];
	let value = 0;

	for (let i = 1; i < tree.frame.length;) {
		if (!frames[tree.frame[i]!]) {
			kept.push(i++);
			continue;
		}
		value += tree.total[i]!;
		if (fold) {
			self[tree.parent[i]!]! += tree.total[i]!;
			if (before)
				before[tree.parent[i]!]! += tree.before!.total[i]!;
		}
		i = tree.end[i]!;
	}
	if (kept.length === tree.frame.length)
		return { tree, value: 0 };
	return { tree: keep(tree, kept, self, before), value };
}

/** The node that was made from this one of the profile, or the root. */
export function nodeOf(tree: CallTree, origin: number): number {
	const node = tree.origin.indexOf(origin);

	return Math.max(node, 0);
}

/** From the root's child down to the node. */
export function pathTo(tree: CallTree, node: number): number[] {
	const path: number[] = [];

	for (; node > 0; node = tree.parent[node]!)
		path.unshift(node);
	return path;
}

function frameKey(frames: Frames, frame: number): string {
	return `${frames.name[frame]}\n${frames.module[frame]}`;
}

function childNamed(tree: CallTree, parent: number, key: string): number {
	for (let i = parent + 1; i < tree.end[parent]!; i = tree.end[i]!) {
		if (frameKey(tree.frames, tree.frame[i]!) === key)
			return i;
	}
	return -1;
}

/** Where the same calls are in another tree; as far as they are there. */
export function sameNode(from: CallTree, node: number, to: CallTree): number {
	let at = 0;

	for (const step of pathTo(from, node)) {
		const next = childNamed(to, at, frameKey(from.frames, from.frame[step]!));

		if (next < 0)
			break;
		at = next;
	}
	return at;
}

/** The node's name, or of the root what it stands for. */
export function nodeName(tree: CallTree, node: number): string {
	const frame = tree.frame[node]!;

	return frame < 0 ? 'all' : tree.frames.name[frame]!;
}

/** Whether one is the other, or one of its callers. */
export function isWithin(tree: CallTree, outer: number, inner: number): boolean {
	return outer <= inner && inner < tree.end[outer]!;
}
