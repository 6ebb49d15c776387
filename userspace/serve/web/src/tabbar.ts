// SPDX-License-Identifier: Apache-2.0
// The kinds of profile, one of which is looked at.
import type { App } from './app';
import { el } from './dom';
import { TABS } from './tabs';

export const PANEL_ID = 'panel';

export function tabBar(app: App): HTMLElement {
	const buttons = TABS.map((tab) =>
		el('button', {
			class: 'tab',
			text: tab.title,
			testid: `tab-${tab.name}`,
			attrs: {
				type: 'button',
				role: 'tab',
				id: `tab-${tab.name}`,
				title: tab.about,
				'aria-controls': PANEL_ID,
			},
			on: { click: () => app.openTab(tab.name) },
		}),
	);
	const bar = el(
		'div',
		{
			class: 'tabs',
			attrs: { role: 'tablist', 'aria-label': 'Kind of profile' },
			on: {
				keydown: (event) => {
					const at = buttons.indexOf(
						event.target as HTMLButtonElement,
					);
					const to = nextTab(event.key, at, buttons.length);

					if (at < 0 || to === null)
						return;
					event.preventDefault();
					buttons[to]!.focus();
					buttons[to]!.click();
				},
			},
		},
		buttons,
	);

	app.store.follow(({ place, jobs }) => {
		TABS.forEach((tab, i) => {
			const button = buttons[i]!;
			const selected = tab.name === place.tab;

			button.setAttribute('aria-selected', String(selected));
			button.tabIndex = selected ? 0 : -1;
			button.classList.toggle('busy', jobs.has(tab.kind));
		});
	});
	return bar;
}

function nextTab(key: string, at: number, count: number): number | null {
	const moves: Record<string, number> = {
		ArrowLeft: (at + count - 1) % count,
		ArrowRight: (at + 1) % count,
		Home: 0,
		End: count - 1,
	};

	return moves[key] ?? null;
}
