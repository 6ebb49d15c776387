// SPDX-License-Identifier: Apache-2.0
// What can be done with one frame.
import { el } from './dom';

export interface MenuItem {
	text: string;
	testid: string;
	act: () => void;
}

export class Menu {
	readonly element = el('div', {
		class: 'menu',
		testid: 'menu',
		attrs: { role: 'menu', hidden: '' },
	});
	private opener: HTMLElement | null = null;

	constructor() {
		this.element.addEventListener('keydown', (event) => this.onKey(event));
		document.addEventListener('pointerdown', (event) => {
			if (!this.element.contains(event.target as Node))
				this.close(false);
		});
		window.addEventListener('blur', () => this.close(false));
	}

	open(items: MenuItem[], x: number, y: number): void {
		const { element } = this;

		this.opener = document.activeElement as HTMLElement | null;
		element.replaceChildren(
			...items.map((item) =>
				el('button', {
					text: item.text,
					testid: item.testid,
					attrs: { type: 'button', role: 'menuitem', tabindex: '-1' },
					on: {
						click: () => {
							this.close(true);
							item.act();
						},
					},
				}),
			),
		);
		element.hidden = false;
		const { width, height } = element.getBoundingClientRect();
		element.style.left = `${Math.max(Math.min(x, innerWidth - width - 4), 4)}px`;
		element.style.top = `${Math.max(Math.min(y, innerHeight - height - 4), 4)}px`;
		(element.firstElementChild as HTMLElement | null)?.focus();
	}

	close(back: boolean): void {
		if (this.element.hidden)
			return;
		this.element.hidden = true;
		if (back)
			this.opener?.focus();
	}

	private onKey(event: KeyboardEvent): void {
		const items = [...this.element.children] as HTMLElement[];
		const at = items.indexOf(document.activeElement as HTMLElement);
		const { length } = items;
		const moves: Record<string, number> = {
			ArrowDown: (at + 1) % length,
			ArrowUp: (at + length - 1) % length,
			Home: 0,
			End: length - 1,
		};
		const to = moves[event.key];

		if (to !== undefined)
			items[to]?.focus();
		else if (event.key === 'Escape' || event.key === 'Tab')
			this.close(true);
		else
			return;
		event.preventDefault();
		event.stopPropagation();
	}
}
