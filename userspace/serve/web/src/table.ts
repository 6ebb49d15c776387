// SPDX-License-Identifier: Apache-2.0
// A tree added up by function.
import type { CallTree } from './tree';

export interface Row {
	frame: number;
	self: number;
	total: number;
	selfBefore: number;
	totalBefore: number;
}

export type SortKey =
	| 'name'
	| 'module'
	| 'self'
	| 'selfShare'
	| 'selfChange'
	| 'total'
	| 'totalShare'
	| 'totalChange';

export interface Sort {
	key: SortKey;
	descending: boolean;
}

function emptyRow(frame: number): Row {
	return { frame, self: 0, total: 0, selfBefore: 0, totalBefore: 0 };
}

// A function that calls itself has what it called only once.
function addNode(tree: CallTree, node: number, row: Row, outermost: boolean): void {
	row.self += tree.self[node]!;
	row.total += outermost ? tree.total[node]! : 0;
	if (!tree.before)
		return;
	row.selfBefore += tree.before.self[node]!;
	row.totalBefore += outermost ? tree.before.total[node]! : 0;
}

export function rowsOf(tree: CallTree): Row[] {
	const rows = new Map<number, Row>();
	const until = new Int32Array(tree.frames.name.length);

	for (let i = 1; i < tree.frame.length; i++) {
		const frame = tree.frame[i]!;
		const outermost = i >= until[frame]!;
		let row = rows.get(frame);

		if (!row)
			rows.set(frame, (row = emptyRow(frame)));
		if (outermost)
			until[frame] = tree.end[i]!;
		addNode(tree, i, row, outermost);
	}
	return [...rows.values()].filter((row) => row.total || row.totalBefore || row.self);
}

const NUMBERS: Record<Exclude<SortKey, 'name' | 'module'>, (row: Row) => number> = {
	self: (row) => row.self,
	selfShare: (row) => row.self,
	selfChange: (row) => row.self - row.selfBefore,
	total: (row) => row.total,
	totalShare: (row) => row.total,
	totalChange: (row) => row.total - row.totalBefore,
};

function compareTexts(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}

/** In place. Equal rows are in the order of their names, so that an order is always the same. */
export function sortRows(rows: Row[], tree: CallTree, sort: Sort): Row[] {
	const { name, module } = tree.frames;
	const sign = sort.descending ? -1 : 1;
	const byName = (a: Row, b: Row) => compareTexts(name[a.frame]!, name[b.frame]!);

	if (sort.key === 'name' || sort.key === 'module') {
		const text = sort.key === 'name' ? name : module;

		return rows.sort(
			(a, b) =>
				sign * compareTexts(text[a.frame]!, text[b.frame]!) || byName(a, b),
		);
	}
	const number = NUMBERS[sort.key];
	return rows.sort((a, b) => sign * (number(a) - number(b)) || byName(a, b));
}
