// SPDX-License-Identifier: Apache-2.0
// The search field, and what share of the picture it found.
import type { App } from './app';
import { el, labelled, setText } from './dom';
import { percent } from './format';
import type { View } from './view';

const TYPING_MS = 120;

export interface Searching {
	element: HTMLElement;
	show: (view: View | null) => void;
	focus: () => void;
}

function shareOf(view: View | null): string {
	return view?.hits ? `Matched: ${percent(view.matched, view.layout.sum)}` : '';
}

/** `enter`: on to what was found. */
export function searching(app: App, enter: () => void): Searching {
	const apply = () => {
		clearTimeout(timer);
		app.adjust({ search: input.value });
	};
	const input = el('input', {
		testid: 'search',
		attrs: {
			type: 'search',
			placeholder: 'name, module, /regex/',
			spellcheck: 'false',
			autocomplete: 'off',
			'aria-keyshortcuts': '/',
		},
		on: {
			input: () => {
				clearTimeout(timer);
				timer = window.setTimeout(apply, TYPING_MS);
			},
			// Whoever goes on at once has typed it all the same.
			change: apply,
			keydown: (event) => {
				if (event.key !== 'Escape' && event.key !== 'Enter')
					return;
				if (event.key === 'Escape')
					input.value = '';
				apply();
				if (event.key === 'Enter')
					enter();
				event.stopPropagation();
				event.preventDefault();
			},
		},
	});
	const matched = el('output', { class: 'matched', testid: 'matched' });
	let timer = 0;

	app.store.follow(({ place }, before) => {
		if (place.search !== before.place.search || document.activeElement !== input)
			input.value = place.search;
	});
	return {
		element: el('div', { class: 'searching' }, [labelled('Search', input), matched]),
		show: (view) => {
			const error = view?.searchError ?? '';

			input.setAttribute('aria-invalid', String(error !== ''));
			setText(matched, error || shareOf(view));
		},
		focus: () => {
			input.focus();
			input.select();
		},
	};
}
