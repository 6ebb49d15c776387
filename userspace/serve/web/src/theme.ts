// SPDX-License-Identifier: Apache-2.0
// Light or dark: as the system has it, until the reader says otherwise.
import { el, setText } from './dom';

const KEY = 'exoprof-theme';

type Choice = 'auto' | 'light' | 'dark';

const NEXT: Record<Choice, Choice> = { auto: 'light', light: 'dark', dark: 'auto' };
const NAMES: Record<Choice, string> = { auto: 'system', light: 'light', dark: 'dark' };

function readChoice(): Choice {
	try {
		const kept = localStorage.getItem(KEY);

		return kept === 'light' || kept === 'dark' ? kept : 'auto';
	} catch {
		// A browser may keep nothing.
		return 'auto';
	}
}

function keepChoice(choice: Choice): void {
	try {
		localStorage.setItem(KEY, choice);
	} catch {
		return;
	}
}

export function themeButton(): HTMLElement {
	const dark = matchMedia('(prefers-color-scheme: dark)');
	const button = el('button', {
		class: 'quiet',
		testid: 'theme',
		attrs: { type: 'button' },
		on: {
			click: () => {
				choice = NEXT[choice];
				keepChoice(choice);
				apply();
			},
		},
	});
	let choice = readChoice();
	const apply = () => {
		document.documentElement.dataset['theme'] =
			choice === 'auto' ? (dark.matches ? 'dark' : 'light') : choice;
		setText(button, `Theme: ${NAMES[choice]}`);
	};

	dark.addEventListener('change', apply);
	apply();
	return button;
}
