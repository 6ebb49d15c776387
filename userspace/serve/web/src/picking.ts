// SPDX-License-Identifier: Apache-2.0
// Which of the kept profiles is shown, what it is compared with, and by which value.
import type { App } from './app';
import { el, labelled, setOptions, show } from './dom';
import { bytes, clock, time, typeTitle } from './format';
import type { State } from './store';
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

function optionOf(one: Snapshot): [string, string] {
	return [String(one.id), describe(one)];
}

function goneOption(id: number): [string, string] {
	return [String(id), `#${id} · not kept any more`];
}

export class Picking {
	readonly element: HTMLElement;
	private readonly snapshot = choice('snapshot', (value) => this.pick(Number(value)));
	private readonly base = choice('base', (value) =>
		this.app.go({ base: value ? Number(value) : null }),
	);
	private readonly type = choice('value', (value) => this.app.adjust({ value }));
	private readonly snapshotField = labelled('Profile', this.snapshot);
	private readonly baseField = labelled('Compare with', this.base);
	private readonly typeField = labelled('Value', this.type);
	private readonly remove = el('button', {
		class: 'quiet',
		text: 'Delete',
		testid: 'delete',
		attrs: { type: 'button', title: 'Delete the profile that is shown' },
		on: { click: () => this.removeShown() },
	});

	constructor(private readonly app: App) {
		this.element = el('div', { class: 'picking' }, [
			this.snapshotField,
			this.remove,
			this.baseField,
			this.typeField,
		]);
		app.store.follow((state) => {
			this.showKept(state);
			this.showTypes(state);
		});
	}

	private pick(id: number): void {
		const { base } = this.app.state.place;

		// Nothing is compared with itself.
		this.app.go({ snapshot: id, base: base === id ? null : base });
	}

	private removeShown(): void {
		if (this.app.shown !== null)
			void this.app.remove(this.app.shown);
	}

	private showKept({ place }: State): void {
		const { kept, shown } = this.app;
		const is_kept = kept.some((one) => one.id === shown);
		const options = kept.map(optionOf);
		const bases = kept.filter((one) => one.id !== shown).map(optionOf);

		// A link may lead to those that are not kept any more.
		if (shown !== null && !is_kept)
			options.unshift(goneOption(shown));
		if (place.base !== null && !bases.some(([value]) => value === String(place.base)))
			bases.unshift(goneOption(place.base));
		setOptions(this.snapshot, options, String(shown ?? ''));
		setOptions(this.base, [['', 'nothing'], ...bases], String(place.base ?? ''));
		show(this.snapshotField, options.length > 0);
		show(this.baseField, options.length > 0);
		show(this.remove, is_kept);
	}

	private showTypes({ place, profile }: State): void {
		show(this.typeField, profile !== null && profile.types.length > 1);
		if (!profile)
			return;
		setOptions(
			this.type,
			profile.types.map(({ type, unit }) => [type, typeTitle(type, unit)]),
			profile.types[typeAt(profile, place)]?.type ?? '',
		);
	}
}
