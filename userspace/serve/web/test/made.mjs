// SPDX-License-Identifier: Apache-2.0
// Trees for tests: written as indented lines, `NAME[@MODULE][!KIND] SELF [BEFORE]`.
import { readProfile } from '../src/profile';

const KINDS = ['app', 'library', 'jit', 'kernel', 'unknown', 'note', 'code'];

function readLine(line) {
	const [, indent, name, module, kind, self, before] =
		/^(\t*)([^\s@!]+)(?:@([^\s!]+))?(?:!(\w+))? (-?\d+)(?: (-?\d+))?$/.exec(line);

	return {
		depth: indent.length + 1,
		name,
		module: module ?? 'prog',
		kind: KINDS.indexOf(kind ?? 'app'),
		self: Number(self),
		before: Number(before ?? 0),
	};
}

/** What the server would send. */
export function file(text, { diff = false, ...more } = {}) {
	const lines = text
		.split('\n')
		.filter((line) => line.trim())
		.map(readLine);
	const strings = [''];
	const index = (string) => {
		if (!strings.includes(string))
			strings.push(string);
		return strings.indexOf(string);
	};
	const keys = [...new Set(lines.map((line) => `${line.name}@${line.module}`))];
	const first = keys.map((key) =>
		lines.find((line) => `${line.name}@${line.module}` === key),
	);

	return {
		version: 1,
		title: 'prog (pid 1)',
		kind: 'profile',
		time_ms: 0,
		duration_ms: 0,
		types: [{ type: 'samples', unit: 'count' }],
		shown: 0,
		below_zero: [0],
		comments: [],
		outcome: { whole: 1, truncated: 0, lost_stacks: 0, lost: 0 },
		diff,
		strings,
		frames: {
			name: first.map((line) => index(line.name)),
			module: first.map((line) => index(line.module)),
			file: first.map(() => 0),
			line: first.map(() => 0),
			kind: first.map((line) => line.kind),
		},
		nodes: {
			depth: [0, ...lines.map((line) => line.depth)],
			frame: [
				-1,
				...lines.map((line) => keys.indexOf(`${line.name}@${line.module}`)),
			],
			self: [[0, ...lines.map((line) => line.self)]],
			...(diff ? { base: [[0, ...lines.map((line) => line.before)]] } : {}),
		},
		...more,
	};
}

export function profile(text, more) {
	return readProfile(file(text, more));
}
