// SPDX-License-Identifier: Apache-2.0
// A profile as the page holds it: the wire's columns, checked once, in typed arrays.
import { printable } from './names';
import type { Outcome, TreeFile, ValueType } from './wire';

/** A frame is a function: by name, module and kind. Columns by the frame's number. */
export interface Frames {
	name: string[];
	module: string[];
	file: string[];
	line: Int32Array;
	kind: Uint8Array;
}

export const KIND = {
	app: 0,
	library: 1,
	jit: 2,
	kernel: 3,
	unknown: 4,
	note: 5,
	code: 6,
} as const;

export const KIND_NAMES = [
	'Application',
	'Library',
	'JIT code',
	'Kernel',
	'Unknown',
	'Not code',
	'Code',
];

export interface Profile {
	title: string;
	kind: string;
	time_ms: number;
	duration_ms: number;
	types: ValueType[];
	shown: number;
	/** By type: what has no width, since it is below zero. */
	belowZero: number[];
	comments: string[];
	outcome: Outcome;
	frames: Frames;
	/** Of the nodes in preorder; node 0 is the root, whose frame is -1. */
	depth: Int32Array;
	frame: Int32Array;
	self: Float64Array[];
	/** Of a diff: what the earlier profile had. */
	base: Float64Array[] | null;
}

function fail(what: string): never {
	throw new Error(`The server's profile cannot be read: ${what}.`);
}

function column(values: number[] | undefined, length: number, what: string): Float64Array {
	if (!Array.isArray(values) || values.length !== length)
		fail(`${what} are not ${length}`);
	return Float64Array.from(values);
}

function readFrames(file: TreeFile): Frames {
	const strings = file.strings.map(printable);
	const count = file.frames.name.length;
	const texts = (indexes: number[]) => indexes.map((index) => strings[index] ?? '');

	return {
		name: texts(file.frames.name),
		module: texts(file.frames.module),
		file: texts(file.frames.file),
		line: Int32Array.from(column(file.frames.line, count, 'lines')),
		kind: Uint8Array.from(column(file.frames.kind, count, 'kinds')),
	};
}

// Whoever walks the tree goes by depths and frames: that they fit is checked here and nowhere else.
function checkNodes(depth: Int32Array, frame: Int32Array, frame_count: number): void {
	for (let i = 1; i < depth.length; i++) {
		const deep = depth[i] as number;
		const of = frame[i] as number;

		if (deep < 1 || deep > (depth[i - 1] as number) + 1)
			fail(`node ${i} hangs on none`);
		if (of < 0 || of >= frame_count)
			fail(`node ${i} is of no frame`);
	}
	if (depth.length === 0 || depth[0] !== 0)
		fail('it has no root');
}

export function readProfile(file: TreeFile): Profile {
	if (file.version !== 1)
		fail(`its version is ${file.version}`);
	const frames = readFrames(file);
	const depth = Int32Array.from(file.nodes.depth);
	const frame = Int32Array.from(column(file.nodes.frame, depth.length, 'frames'));
	const values = (columns: number[][]) =>
		file.types.map((_, i) => column(columns[i], depth.length, 'values'));

	checkNodes(depth, frame, frames.name.length);
	return {
		title: printable(file.title),
		kind: file.kind,
		time_ms: file.time_ms,
		duration_ms: file.duration_ms,
		types: file.types,
		shown: file.shown,
		belowZero: file.below_zero,
		comments: file.comments.map(printable),
		outcome: file.outcome,
		frames,
		depth,
		frame,
		self: values(file.nodes.self),
		base: file.diff && file.nodes.base ? values(file.nodes.base) : null,
	};
}
