// SPDX-License-Identifier: Apache-2.0
// Where each node of a tree lies, in the tree's own unit.
import { sums, type CallTree } from './tree';

export interface Layout {
	/** A node is [start, start + size) of [0, sum). */
	start: Float64Array;
	size: Float64Array;
	sum: number;
	/** Of a diff: what only the other profile has, without width, and in how many nodes. */
	unseen: number;
	unseenNodes: number;
}

/** Which of a diff's two profiles widths go by. */
export type Widths = 'after' | 'before';

function starts(tree: CallTree, size: Float64Array): Float64Array {
	const start = new Float64Array(size.length);
	const next = new Float64Array(size.length);

	for (let i = 1; i < size.length; i++) {
		const parent = tree.parent[i]!;

		start[i] = next[parent]!;
		next[i] = start[i]!;
		next[parent]! += size[i]!;
	}
	return start;
}

export function layOut(tree: CallTree, widths: Widths = 'after'): Layout {
	const by_base = widths === 'before' && tree.before !== null;
	const self = by_base ? tree.before!.self : tree.self;
	const other = by_base ? tree.self : tree.before?.self;
	const size = sums(tree.parent, self);
	let unseen = 0;
	let unseenNodes = 0;

	for (let i = 0; other && i < self.length; i++) {
		if (self[i]! > 0 || other[i] === 0)
			continue;
		unseen += other[i]!;
		unseenNodes++;
	}
	return {
		start: starts(tree, size),
		size,
		sum: size[0]!,
		unseen,
		unseenNodes,
	};
}

/** The part of [0, sum) that is seen. */
export interface Window {
	start: number;
	size: number;
}

export function windowOf(layout: Layout, node: number): Window {
	const size = layout.size[node]!;

	// A node without width cannot be zoomed to.
	return size > 0 ? { start: layout.start[node]!, size } : { start: 0, size: layout.sum };
}

/** A box is [x, x + width) px in row `depth`. */
export interface Box {
	node: number;
	x: number;
	width: number;
}

export interface Boxes {
	/** By row, from left to right. */
	rows: Box[][];
	/** By row: where there are only frames too narrow to be drawn. */
	narrow: { x: number; width: number }[][];
	count: number;
}

/** What is narrower is not drawn, and nor is what it calls, which is narrower still. */
export const LEAST_WIDTH = 0.5;

function addNarrow(run: { x: number; width: number }[], x: number, width: number): void {
	const last = run[run.length - 1];

	if (last && x - (last.x + last.width) < 0.01)
		last.width += width;
	else
		run.push({ x, width });
}

/** The boxes of the window in a picture of this width, of rows [from, to). */
export function boxesIn(
	tree: CallTree,
	layout: Layout,
	window: Window,
	width: number,
	from: number,
	to: number,
): Boxes {
	const boxes: Boxes = { rows: [], narrow: [], count: 0 };
	const scale = window.size > 0 ? width / window.size : 0;

	for (let i = 0; i < layout.size.length;) {
		const left = (layout.start[i]! - window.start) * scale;
		const right = left + layout.size[i]! * scale;
		const x = Math.max(left, 0);
		const w = Math.min(right, width) - x;
		const depth = tree.depth[i]!;

		if (depth >= to || !(w > 0)) {
			i = tree.end[i]!;
			continue;
		}
		if (w < LEAST_WIDTH) {
			if (depth >= from)
				addNarrow((boxes.narrow[depth] ??= []), x, w);
			i = tree.end[i]!;
			continue;
		}
		if (depth >= from) {
			(boxes.rows[depth] ??= []).push({ node: i, x, width: w });
			boxes.count++;
		}
		i++;
	}
	return boxes;
}

/** The node at a point of a row, or -1. */
export function nodeAt(boxes: Boxes, depth: number, x: number): number {
	const row = boxes.rows[depth] ?? [];
	let low = 0;
	let high = row.length;

	while (low < high) {
		const middle = (low + high) >> 1;

		if (row[middle]!.x <= x)
			low = middle + 1;
		else
			high = middle;
	}
	const box = row[low - 1];
	return box && x < box.x + box.width ? box.node : -1;
}
