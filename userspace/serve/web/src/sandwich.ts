// SPDX-License-Identifier: Apache-2.0
// One function from everywhere it is called: who calls it, and what it calls.
import { makeTree, type CallTree } from './tree';

export interface Sandwich {
	/** The root of both is the function, with all of its calls. */
	callers: CallTree;
	callees: CallTree;
}

interface Branch {
	frame: number;
	self: number;
	before: number;
	total: number;
	children: Map<number, Branch>;
}

function newBranch(frame: number): Branch {
	return { frame, self: 0, before: 0, total: 0, children: new Map() };
}

function childOf(branch: Branch, frame: number): Branch {
	let child = branch.children.get(frame);

	if (!child)
		branch.children.set(frame, (child = newBranch(frame)));
	return child;
}

// What a branch is worth for the order of branches: of a diff, the larger of both.
function weigh(branch: Branch): number {
	branch.total = Math.max(branch.self, branch.before);
	for (const child of branch.children.values())
		branch.total += weigh(child);
	return branch.total;
}

function flatten(tree: CallTree, root: Branch): CallTree {
	const frame: number[] = [];
	const depth: number[] = [];
	const self: number[] = [];
	const before: number[] = [];
	const visit = (branch: Branch, deep: number): void => {
		frame.push(branch.frame);
		depth.push(deep);
		self.push(branch.self);
		before.push(branch.before);
		for (const child of [...branch.children.values()].sort((a, b) => b.total - a.total))
			visit(child, deep + 1);
	};

	weigh(root);
	visit(root, 0);
	return makeTree(tree.frames, {
		frame: Int32Array.from(frame),
		depth: Int32Array.from(depth),
		origin: Int32Array.from(frame, (_, node) => node),
		self: Float64Array.from(self),
		before: tree.before && Float64Array.from(before),
	});
}

/** The function's calls that are not within another one of its own. */
function outermost(tree: CallTree, frame: number): number[] {
	const nodes: number[] = [];

	for (let i = 1; i < tree.frame.length;) {
		if (tree.frame[i] === frame) {
			nodes.push(i);
			i = tree.end[i]!;
		} else {
			i++;
		}
	}
	return nodes;
}

function addCallers(tree: CallTree, node: number, root: Branch): void {
	let branch = root;

	for (let at = tree.parent[node]!; at > 0; at = tree.parent[at]!)
		branch = childOf(branch, tree.frame[at]!);
	branch.self += tree.total[node]!;
	branch.before += tree.before?.total[node] ?? 0;
}

function addCallees(tree: CallTree, node: number, root: Branch): void {
	const open: Branch[] = [root];
	const top = tree.depth[node]!;

	for (let i = node; i < tree.end[node]!; i++) {
		const deep = tree.depth[i]! - top;
		const branch = deep ? childOf(open[deep - 1]!, tree.frame[i]!) : root;

		branch.self += tree.self[i]!;
		branch.before += tree.before?.self[i] ?? 0;
		open[deep] = branch;
	}
}

export function sandwich(tree: CallTree, frame: number): Sandwich {
	const callers = newBranch(frame);
	const callees = newBranch(frame);

	for (const node of outermost(tree, frame)) {
		addCallers(tree, node, callers);
		addCallees(tree, node, callees);
	}
	return { callers: flatten(tree, callers), callees: flatten(tree, callees) };
}

/** The number of the function's frame, or -1. */
export function frameNamed(tree: CallTree, name: string, module: string): number {
	const { frames } = tree;

	return frames.name.findIndex((one, i) => one === name && frames.module[i] === module);
}
