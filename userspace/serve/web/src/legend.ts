// SPDX-License-Identifier: Apache-2.0
// What the colours mean.
import { STEPS } from './diff';
import { el } from './dom';
import { value } from './format';
import { changeColour, kindColour } from './palette';
import { KIND_NAMES } from './profile';
import type { View } from './view';

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

function kinds(view: View): HTMLElement[] {
	const seen = new Set<number>();

	for (const frame of view.tree.frame) {
		if (frame >= 0)
			seen.add(view.tree.frames.kind[frame]!);
	}
	return [...seen].sort().map((kind) => swatch(kindColour(kind), KIND_NAMES[kind] ?? ''));
}

export function legend(): { element: HTMLElement; show: (view: View) => void } {
	const element = el('ul', {
		class: 'legend', testid: 'legend', attrs: { 'aria-label': 'Colours' },
	});

	return {
		element,
		show: (view) => element.replaceChildren(...(view.tree.before ? changes : kinds)(view)),
	};
}
