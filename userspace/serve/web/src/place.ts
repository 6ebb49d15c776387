// SPDX-License-Identifier: Apache-2.0
// What is looked at, as the address of the page has it after `#`: a reload or a link that was sent
// shows the same.
import type { Widths } from './layout';
import { TABS } from './tabs';

export interface Place {
	tab: string;
	/** Null: the newest one. */
	snapshot: number | null;
	base: number | null;
	/** Null: the tab's own. */
	value: string | null;
	/** The node of the profile that is as wide as the picture. */
	zoom: number;
	search: string;
	/** The function whose callers and callees are shown. */
	focus: { name: string; module: string } | null;
	/** The root is at the bottom. */
	upward: boolean;
	hideKernel: boolean;
	hideIdle: boolean;
	widths: Widths;
}

export const HOME: Place = {
	tab: 'cpu',
	snapshot: null,
	base: null,
	value: null,
	zoom: 0,
	search: '',
	focus: null,
	upward: false,
	hideKernel: false,
	hideIdle: false,
	widths: 'after',
};

export function writePlace(place: Place): string {
	const query = new URLSearchParams({ tab: place.tab });
	const put = (
		name: string,
		value: string | number | null,
		unless: string | number | null,
	) => {
		if (value !== unless && value !== null)
			query.set(name, String(value));
	};

	put('snapshot', place.snapshot, null);
	put('base', place.base, null);
	put('value', place.value, null);
	put('zoom', place.zoom, 0);
	put('search', place.search, '');
	put('function', place.focus && place.focus.name, null);
	put('module', place.focus && place.focus.module, null);
	put('draw', place.upward ? 'flame' : 'icicle', 'icicle');
	put('kernel', place.hideKernel ? 'hidden' : '', '');
	put('idle', place.hideIdle ? 'hidden' : '', '');
	put('widths', place.widths, 'after');
	return '#' + query.toString();
}

function readNumber(text: string | null): number | null {
	return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

/** What is not understood is left as it is at home. */
export function readPlace(hash: string): Place {
	const query = new URLSearchParams(hash.replace(/^#/, ''));
	const tab = query.get('tab');
	const name = query.get('function');

	return {
		tab: TABS.some((one) => one.name === tab) ? (tab as string) : HOME.tab,
		snapshot: readNumber(query.get('snapshot')),
		base: readNumber(query.get('base')),
		value: query.get('value'),
		zoom: readNumber(query.get('zoom')) ?? 0,
		search: query.get('search') ?? '',
		focus: name === null ? null : { name, module: query.get('module') ?? '' },
		upward: query.get('draw') === 'flame',
		hideKernel: query.get('kernel') === 'hidden',
		hideIdle: query.get('idle') === 'hidden',
		widths: query.get('widths') === 'before' ? 'before' : 'after',
	};
}
