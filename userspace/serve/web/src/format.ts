// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them; the same words as in the flame graph's SVG.

interface Scale {
	size: number;
	unit: string;
}

// The greatest first.
const BYTES: Scale[] = [
	{ size: 2 ** 40, unit: 'TiB' },
	{ size: 2 ** 30, unit: 'GiB' },
	{ size: 2 ** 20, unit: 'MiB' },
	{ size: 2 ** 10, unit: 'KiB' },
	{ size: 1, unit: 'B' },
];
const TIMES: Scale[] = [
	{ size: 1e9, unit: 's' },
	{ size: 1e6, unit: 'ms' },
	{ size: 1e3, unit: 'us' },
	{ size: 1, unit: 'ns' },
];

/** 1234567 as 1,234,567. */
export function thousands(number: number): string {
	const digits = Math.round(Math.abs(number))
		.toFixed(0)
		.replace(/\B(?=(\d{3})+$)/g, ',');

	return number <= -0.5 ? '−' + digits : digits;
}

function scaled(number: number, scales: Scale[]): string {
	const size = Math.abs(number);
	const scale = scales.find((one) => size >= one.size) ?? { size: 1, unit: '' };
	const unit = scale.unit || (scales[scales.length - 1]?.unit ?? '');
	const sign = number < 0 ? '−' : '';

	if (scale.size === 1)
		return `${thousands(number)} ${unit}`;
	const [whole, hundredths] = (size / scale.size).toFixed(2).split('.');
	return `${sign}${thousands(Number(whole))}.${hundredths} ${unit}`;
}

export function bytes(number: number): string {
	return scaled(number, BYTES);
}

export function time(ns: number): string {
	return scaled(ns, TIMES);
}

export function value(number: number, unit: string): string {
	if (unit === 'bytes')
		return bytes(number);
	if (unit === 'nanoseconds')
		return time(number);
	return thousands(number) + (unit && unit !== 'count' ? ' ' + unit : '');
}

/** A part of a whole; of nothing it is nothing. */
export function percent(part: number, whole: number): string {
	return (whole ? (100 * part) / whole : 0).toFixed(2).replace('-', '−') + '%';
}

/** How it went from one value to another: +1.00 KiB (+50.00%). */
export function change(from: number, to: number, unit: string): string {
	const sign = to < from ? '−' : '+';
	const by = sign + value(Math.abs(to - from), unit);

	if (!from)
		return to ? `${by} (new)` : by;
	return `${by} (${sign}${percent(Math.abs(to - from), Math.abs(from))})`;
}

/** A duration for the head of the page, in its two greatest units. */
export function duration(ms: number): string {
	const seconds = Math.max(0, Math.floor(ms / 1000));
	const parts: [number, string][] = [
		[Math.floor(seconds / 86400), 'd'],
		[Math.floor(seconds / 3600) % 24, 'h'],
		[Math.floor(seconds / 60) % 60, 'min'],
		[seconds % 60, 's'],
	];
	const first = parts.findIndex(([count]) => count > 0);

	if (first < 0)
		return '0 s';
	return parts
		.slice(first, first + 2)
		.map(([count, unit]) => `${count} ${unit}`)
		.join(' ');
}

function two(number: number): string {
	return String(number).padStart(2, '0');
}

const HALF_A_DAY_MS = 12 * 3600 * 1000;

/** The reader's time of day, with the date where that could be another day's. */
export function clock(ms: number, now_ms: number): string {
	const then = new Date(ms);
	const time = [then.getHours(), then.getMinutes(), then.getSeconds()].map(two).join(':');

	if (Math.abs(now_ms - ms) < HALF_A_DAY_MS)
		return time;
	return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())} ${time}`;
}

const TITLES: Record<string, string> = {
	'cpu/nanoseconds': 'CPU time',
	'samples/count': 'Samples',
	'inuse_space/bytes': 'Heap in use',
	'inuse_objects/count': 'Objects in use',
	'alloc_space/bytes': 'Allocated',
	'alloc_objects/count': 'Objects allocated',
	'contentions/count': 'Waits',
	'delay/nanoseconds': 'Time waited',
	'goroutine/count': 'Threads',
	'threadcreate/count': 'Threads created',
	'wall/nanoseconds': 'Wall time',
};

export function typeTitle(type: string, unit: string): string {
	return TITLES[`${type}/${unit}`] ?? `${type}/${unit}`;
}
