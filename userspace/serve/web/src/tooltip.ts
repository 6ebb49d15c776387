// SPDX-License-Identifier: Apache-2.0
// What is said beside the pointer.
import { el } from './dom';
import type { Description } from './describe';

const GAP = 14;

export class Tooltip {
	readonly element = el('div', {
		class: 'tooltip',
		testid: 'tooltip',
		attrs: { hidden: '', role: 'tooltip' },
	});

	show(what: Description, x: number, y: number): void {
		const { element } = this;

		element.replaceChildren(
			el('strong', { text: what.name }),
			...what.facts.map((text) => el('div', { text })),
			...(what.place ? [el('div', { class: 'soft', text: what.place })] : []),
		);
		element.hidden = false;
		// Below and to the right, but where the window ends on the other side.
		const { width, height } = element.getBoundingClientRect();
		const left = x + GAP + width > innerWidth ? x - GAP - width : x + GAP;
		const top = y + GAP + height > innerHeight ? y - GAP - height : y + GAP;
		element.style.left = `${Math.max(left, 4)}px`;
		element.style.top = `${Math.max(top, 4)}px`;
	}

	hide(): void {
		this.element.hidden = true;
	}
}
