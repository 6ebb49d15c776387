// SPDX-License-Identifier: Apache-2.0
// How much of the truth the profile has: what was cut short, what was lost, what was said of it.
import { el, setText, show } from './dom';
import { percent, thousands, value } from './format';
import type { View } from './view';

function parts(view: View): string[] {
	const { whole, truncated, lost, lost_stacks } = view.profile.outcome;
	const stacks = whole + truncated;
	const facts: string[] = [];

	if (stacks > 0) {
		facts.push(`${percent(whole, stacks)} of stacks whole`);
		facts.push(`${thousands(truncated)} of ${thousands(stacks)} truncated`);
	}
	facts.push(lost ? `${thousands(lost)} samples lost` : 'none lost');
	if (lost_stacks)
		facts.push(`${thousands(lost_stacks)} stacks lost`);
	return facts;
}

function leftOut(view: View): string[] {
	const { unit } = view;
	const below_zero = view.profile.belowZero[view.type] ?? 0;
	const facts: string[] = [];

	if (view.hiddenIdle)
		facts.push(`idle, hidden: ${value(view.hiddenIdle, unit)}`);
	if (view.hiddenKernel)
		facts.push(`kernel, counted with its callers: ${value(view.hiddenKernel, unit)}`);
	if (below_zero)
		facts.push(`not drawn, since below zero: ${value(below_zero, unit)}`);
	return facts;
}

export function losses(): { element: HTMLElement; show: (view: View | null) => void } {
	const line = el('p', { class: 'losses', testid: 'losses' });
	const list = el('ul', { class: 'comments' });
	const summary = el('summary');
	const comments = el('details', { testid: 'comments' }, [summary, list]);
	const element = el('div', { class: 'loss-lines' }, [line, comments]);

	return {
		element,
		show: (view) => {
			const said = view?.profile.comments ?? [];

			show(element, view !== null);
			if (!view)
				return;
			const { truncated, lost, lost_stacks } = view.profile.outcome;
			setText(line, [...parts(view), ...leftOut(view)].join(' · '));
			line.classList.toggle('some', truncated + lost + lost_stacks > 0);
			show(comments, said.length > 0);
			setText(
				summary,
				said.length === 1
					? '1 note on this profile'
					: `${said.length} notes on this profile`,
			);
			list.replaceChildren(...said.map((text) => el('li', { text })));
		},
	};
}
