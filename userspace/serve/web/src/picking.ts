// SPDX-License-Identifier: Apache-2.0
// Which of the kept profiles is shown, what it is compared with, and by which value.
import type { App } from './app';
import { el, labelled, setOptions, show } from './dom';
import { bytes, clock, time, typeTitle } from './format';
import { typeAt } from './view';
import type { Snapshot } from './wire';

function describe(one: Snapshot): string {
	const over = one.duration_ms > 0 ? ` · ${time(one.duration_ms * 1e6)}` : '';

	return `#${one.id} · ${clock(one.taken_ms, Date.now())}${over} · ${bytes(one.bytes)}`;
}

function choice(testid: string, onChange: (value: string) => void): HTMLSelectElement {
	const select: HTMLSelectElement = el('select', {
		testid,
		on: { change: () => onChange(select.value) },
	});

	return select;
}

export function picking(app: App): HTMLElement {
	const snapshot = choice('snapshot', (value) => {
		const id = Number(value);

		app.go({ snapshot: id, ...(id === app.state.place.base ? { base: null } : {}) });
	});
	const base = choice('base', (value) => app.go({ base: value ? Number(value) : null }));
	const type = choice('value', (value) => app.adjust({ value }));
	const remove = el('button', {
		class: 'quiet',
		text: 'Delete',
		testid: 'delete',
		attrs: { type: 'button', title: 'Delete the profile that is shown' },
		on: {
			click: () => {
				if (app.shown !== null)
					void app.remove(app.shown);
			},
		},
	});
	const fields = {
		snapshot: labelled('Profile', snapshot),
		base: labelled('Compare with', base),
		type: labelled('Value', type),
	};

	const showKept = () => {
		const { kept, shown } = app;
		const others = kept.filter((one) => one.id !== shown);
		const options = kept.map((one): [string, string] => [
			String(one.id),
			describe(one),
		]);

		// A link may lead to one that is not kept any more.
		if (shown !== null && !kept.some((one) => one.id === shown))
			options.unshift([String(shown), `#${shown}`]);
		setOptions(snapshot, options, String(shown ?? ''));
		setOptions(
			base,
			[
				['', 'nothing'],
				...others.map((one): [string, string] => [
					String(one.id),
					describe(one),
				]),
			],
			String(app.state.place.base ?? ''),
		);
		show(fields.snapshot, options.length > 0);
		show(fields.base, options.length > 0);
		show(
			remove,
			kept.some((one) => one.id === shown),
		);
	};

	app.store.follow(({ place, profile }) => {
		showKept();
		show(fields.type, profile !== null && profile.types.length > 1);
		if (profile) {
			setOptions(
				type,
				profile.types.map((one): [string, string] => [
					one.type,
					typeTitle(one.type, one.unit),
				]),
				profile.types[typeAt(profile, place)]?.type ?? '',
			);
		}
	});
	return el('div', { class: 'picking' }, [fields.snapshot, remove, fields.base, fields.type]);
}
