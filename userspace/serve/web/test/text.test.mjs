// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as format from '../src/format';
import { baseName, fit, hashName, printable } from '../src/names';
import { frameColour } from '../src/palette';
import { HOME, readPlace, writePlace } from '../src/place';

test('numbers read as in the SVG', () => {
	assert.equal(format.thousands(1234567), '1,234,567');
	assert.equal(format.thousands(-1234), '−1,234');
	assert.equal(format.value(0, 'bytes'), '0 B');
	assert.equal(format.value(1023, 'bytes'), '1,023 B');
	assert.equal(format.value(1536, 'bytes'), '1.50 KiB');
	assert.equal(format.value(-1536, 'bytes'), '−1.50 KiB');
	assert.equal(format.value(3 * 2 ** 30, 'bytes'), '3.00 GiB');
	assert.equal(format.value(1500, 'nanoseconds'), '1.50 us');
	assert.equal(format.value(123456789012, 'nanoseconds'), '123.46 s');
	assert.equal(format.value(1234, 'count'), '1,234');
	assert.equal(format.value(2, 'apples'), '2 apples');
});

test('of nothing a part is nothing', () => {
	assert.equal(format.percent(1, 3), '33.33%');
	assert.equal(format.percent(-1, 4), '−25.00%');
	assert.equal(format.percent(5, 0), '0.00%');
});

test('a change has its sign and its share', () => {
	assert.equal(format.change(2048, 1024, 'bytes'), '−1.00 KiB (−50.00%)');
	assert.equal(format.change(2, 3, 'count'), '+1 (+50.00%)');
	assert.equal(format.change(0, 3, 'count'), '+3 (new)');
	assert.equal(format.change(0, 0, 'count'), '+0');
});

test('durations have their two greatest units', () => {
	assert.equal(format.duration(999), '0 s');
	assert.equal(format.duration(61e3), '1 min 1 s');
	assert.equal(format.duration(90061e3), '1 d 1 h');
	assert.equal(format.duration(-5), '0 s');
});

test('a name is cut where the ellipsis still fits', () => {
	assert.equal(fit('main', 4), 'main');
	assert.equal(fit('mains', 4), 'mai…');
	assert.equal(fit('処理する', 8), '処理する');
	assert.equal(fit('処理する', 7), '処理す…');
	assert.equal(fit('a😀b😀', 4), 'a😀…', 'no half of a pair is left');
	assert.equal(fit('x'.repeat(1e6), 5), 'xxxx…');
});

test('what a terminal acts on is not in a name', () => {
	assert.equal(printable('a\u001b[31mb\u0000'), 'a\ufffd[31mb\ufffd');
	assert.equal(printable('plain <i>'), 'plain <i>');
});

test('names hash as in C', () => {
	// FNV-1a of "a" is 0xe40c292c.
	assert.equal(hashName('a'), (0xe40c292c ^ (0xe40c292c >>> 15)) >>> 0);
	assert.equal(baseName('/usr/lib/libc.so.6'), 'libc.so.6');
	assert.equal(baseName('libc.so.6'), 'libc.so.6');
});

test('another version of a library has its colour', () => {
	const frames = {
		name: ['f', 'f', 'f', 'g'],
		file: [],
		line: [],
		kind: [1, 1, 0, 1],
		module: ['/lib/libx.so.1', 'libx.so.2.3', 'libx.so.1', 'libx.so.1'],
	};
	const hue = (frame) => /hsl\((\d+)/.exec(frameColour(frames, frame))[1];

	assert.equal(frameColour(frames, 0), frameColour(frames, 1));
	assert.equal(hue(0), hue(3));
	assert.ok(Number(hue(2)) < 45, 'the application is warm');
	assert.ok(Number(hue(0)) >= 100);
});

test('a place comes back from its address', () => {
	const place = {
		tab: 'heap',
		snapshot: 7,
		base: 5,
		value: 'alloc_space',
		zoom: 123,
		search: 'a&b=/ü#/',
		focus: { name: 'operator new<int>&', module: '/lib/x.so' },
		upward: true,
		hideKernel: true,
		hideIdle: true,
		widths: 'before',
	};

	assert.deepEqual(readPlace(writePlace(place)), place);
	assert.deepEqual(readPlace(writePlace(HOME)), HOME);
	assert.equal(writePlace(HOME), '#tab=cpu');
});

test('an address that is not understood leads home', () => {
	assert.deepEqual(readPlace(''), HOME);
	assert.deepEqual(readPlace('#tab=nothing&snapshot=x&zoom=-1&base=1e3&widths=no'), HOME);
});
