// SPDX-License-Identifier: Apache-2.0
// What the colours mean: whose code it is, and how much of the picture is its own.
import { STEPS } from './diff';
import { el } from './dom';
import { percent, value } from './format';
import { baseName } from './names';
import { changeColour, swatchColour } from './palette';
import { KIND, KIND_NAMES } from './profile';
import type { CallTree } from './tree';
import type { View } from './view';

const MOST_ENTRIES = 9;

function swatch(colour: string, text: string): HTMLElement {
	const box = el('span', { class: 'swatch' });

	box.style.backgroundColor = colour;
	return el('li', {}, [box, text]);
}

function changes(view: View): HTMLElement[] {
	const most = value(view.greatest, view.unit);

	return [
		swatch(changeColour(-STEPS), `less than before, up to −${most}`),
		swatch(changeColour(0), 'the same'),
		swatch(changeColour(STEPS), `more than before, up to +${most}`),
	];
}

interface Entry {
	kind: number;
	module: string;
	self: number;
}

// First by frame, which is quick: there are many more nodes than functions.
function selfByFrame(tree: CallTree): [frame: number, self: number][] {
	const sums = new Float64Array(tree.frames.name.length);
	const seen = new Uint8Array(sums.length);

	for (let i = 1; i < tree.frame.length; i++) {
		sums[tree.frame[i]!]! += tree.self[i]!;
		seen[tree.frame[i]!] = 1;
	}
	return [...sums.entries()].filter(([frame]) => seen[frame]);
}

function entriesOf(tree: CallTree): Entry[] {
	const entries = new Map<string, Entry>();

	for (const [frame, self] of selfByFrame(tree)) {
		const kind = tree.frames.kind[frame]!;
		const named = kind === KIND.app || kind === KIND.library;
		const module = named ? baseName(tree.frames.module[frame]!) : '';
		const key = `${kind} ${module}`;
		let entry = entries.get(key);

		if (!entry)
			entries.set(key, (entry = { kind, module, self: 0 }));
		entry.self += self;
	}
	return [...entries.values()].sort((a, b) => b.self - a.self || a.kind - b.kind);
}

function modules(view: View): HTMLElement[] {
	const entries = entriesOf(view.tree);
	const left = entries.length - MOST_ENTRIES;
	const items = entries
		.slice(0, MOST_ENTRIES)
		.map(({ kind, module, self }) =>
			swatch(
				swatchColour(kind, module),
				[
					percent(self, view.tree.total[0]!),
					module || (KIND_NAMES[kind] ?? ''),
				].join(' '),
			),
		);

	return left > 0 ? [...items, el('li', { text: `and ${left} more` })] : items;
}

export function legend(): { element: HTMLElement; show: (view: View) => void } {
	const element = el('ul', {
		class: 'legend',
		testid: 'legend',
		attrs: { 'aria-label': 'Colours' },
	});
	let shown: CallTree | null = null;

	return {
		element,
		show: (view) => {
			if (view.tree === shown)
				return;
			shown = view.tree;
			element.replaceChildren(...(view.tree.before ? changes : modules)(view));
		},
	};
}
