// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeStep, greatestChange, STEPS } from '../src/diff';
import { boxesIn, layOut, nodeAt, windowOf } from '../src/layout';
import { compile, hitFrames, matchedSize } from '../src/search';
import { frameNamed, sandwich } from '../src/sandwich';
import { nodeName, treeOf } from '../src/tree';
import { profile } from './made.mjs';

function treeFrom(text, more) {
	return treeOf(profile(text, more), 0);
}

const TREE = 'a 10\n\tb 20\n\tc 30\n\t\td 10\ne 30';

function drawn(tree, window, width, from = 0, to = 99) {
	const { rows } = boxesIn(tree, layOut(tree), window, width, from, to);

	return rows.map((row) => row.map((box) => [nodeName(tree, box.node), box.x, box.width]));
}

test('siblings lie side by side below their caller, what is its own behind them', () => {
	const tree = treeFrom(TREE);
	const layout = layOut(tree);

	assert.equal(layout.sum, 100);
	assert.deepEqual([...layout.start], [0, 0, 0, 20, 20, 70]);
	assert.deepEqual([...layout.size], [100, 70, 20, 40, 10, 30]);
});

test('boxes fill the width, and those of a window as much as is seen of them', () => {
	const tree = treeFrom(TREE);
	const layout = layOut(tree);

	assert.deepEqual(drawn(tree, windowOf(layout, 0), 200), [
		[['all', 0, 200]],
		[
			['a', 0, 140],
			['e', 140, 60],
		],
		[
			['b', 0, 40],
			['c', 40, 80],
		],
		[['d', 40, 20]],
	]);
	assert.deepEqual(drawn(tree, windowOf(layout, 3), 200), [
		[['all', 0, 200]],
		[['a', 0, 200]],
		[['c', 0, 200]],
		[['d', 0, 50]],
	]);
});

test('only the rows that are seen are made', () => {
	const tree = treeFrom(TREE);

	assert.deepEqual(drawn(tree, windowOf(layOut(tree), 0), 200, 2, 3).flat(), [
		['b', 0, 40],
		['c', 40, 80],
	]);
});

test('what is narrower than half a pixel is left out, and its place marked', () => {
	const tree = treeFrom('a 1\n\tx 1\nb 1\nc 9996\nd 2');
	const boxes = boxesIn(tree, layOut(tree), { start: 0, size: 10001 }, 1000, 0, 99);

	assert.deepEqual(
		boxes.rows[1].map((box) => nodeName(tree, box.node)),
		['c'],
	);
	assert.equal(boxes.narrow[1].length, 2);
	assert.ok(Math.abs(boxes.narrow[1][0].width - 0.3) < 0.001);
	assert.equal(boxes.count, 2);
});

test('a point is in the box that covers it, or in none', () => {
	const tree = treeFrom(TREE);
	const boxes = boxesIn(tree, layOut(tree), { start: 0, size: 100 }, 100, 0, 99);
	const at = (depth, x) => {
		const node = nodeAt(boxes, depth, x);

		return node < 0 ? '' : nodeName(tree, node);
	};

	assert.equal(at(1, 69.9), 'a');
	assert.equal(at(1, 70), 'e');
	assert.equal(at(2, 19), 'b');
	assert.equal(at(2, 65), '', 'of a there is nothing called');
	assert.equal(at(9, 1), '');
});

test('a diff is as wide as either of both, and what the other has alone is told', () => {
	const tree = treeFrom('both 10 20\ngone 0 5\nnew 7 0', { diff: true });

	assert.deepEqual([...layOut(tree, 'after').size], [17, 10, 0, 7]);
	assert.equal(layOut(tree, 'after').unseen, 5);
	assert.deepEqual([...layOut(tree, 'before').size], [25, 20, 5, 0]);
	assert.equal(layOut(tree, 'before').unseen, 7);
});

test('the greatest change has the strongest colour, and only the same has none', () => {
	const tree = treeFrom('a 100 0\nb 50 49\nc 0 50', { diff: true });

	assert.equal(greatestChange(tree), 100);
	assert.equal(changeStep(0, 100, 100), STEPS);
	assert.equal(changeStep(50, 0, 100), -3);
	assert.equal(changeStep(49, 50, 100), 1);
	assert.equal(changeStep(7, 7, 100), 0);
	assert.equal(greatestChange(treeFrom('a 3 0\nb 4 0', { diff: true })), 4, "not the root's");
	assert.equal(greatestChange(treeFrom('a 1')), 0);
});

test('what is inside a match counts once', () => {
	const tree = treeFrom(TREE);
	const share = (text) =>
		matchedSize(tree, layOut(tree), hitFrames(tree.frames, compile(text).matches));

	assert.equal(share('c'), 40);
	assert.equal(share('/[cd]/'), 40);
	assert.equal(share('/^[bd]$/'), 30);
	assert.equal(share('E'), 30, 'upper and lower case are the same');
	assert.equal(share('prog'), 100, 'modules are searched, too');
	assert.equal(share('nothing'), 0);
});

test('text is text, and a broken expression says so', () => {
	assert.equal(compile('a.c').matches('abc'), false);
	assert.equal(compile('/a.c/').matches('abc'), true);
	const { matches } = compile('/A/');
	assert.deepEqual([matches('a'), matches('a')], [true, true]);
	assert.equal(compile('/A/u').matches('a'), false, 'with flags of its own');
	assert.equal(compile('operator/').matches('operator/'), true);
	assert.match(compile('/(/').error, /./);
	assert.equal(compile('/(/').matches, null);
	assert.equal(compile('').matches, null);
});

const CALLS = 'm 1\n\tf 2\n\t\tx 4\n\t\t\tf 8\nn 16\n\tf 32\n\t\ty 64\nf 128';

function outline(tree) {
	return Array.from(
		tree.frame,
		(_, node) => `${tree.depth[node]} ${nodeName(tree, node)} ${tree.total[node]}`,
	);
}

test('callers are those of the outermost calls', () => {
	const tree = treeFrom(CALLS);
	const { callers } = sandwich(tree, frameNamed(tree, 'f', 'prog'));

	assert.deepEqual(outline(callers), ['0 f 238', '1 n 96', '1 m 14']);
	assert.equal(callers.self[0], 128, 'which nobody called');
});

test('callees are those of all calls, merged', () => {
	const tree = treeFrom(CALLS);
	const { callees } = sandwich(tree, frameNamed(tree, 'f', 'prog'));

	assert.deepEqual(outline(callees), ['0 f 238', '1 y 64', '1 x 12', '2 f 8']);
	assert.equal(callees.self[0], 162);
});

test('both halves of a diff have what was before', () => {
	const tree = treeFrom('m 0 0\n\tf 1 3\n\t\tg 2 4', { diff: true });
	const { callers, callees } = sandwich(tree, frameNamed(tree, 'f', 'prog'));

	assert.deepEqual([callers.total[0], callers.before.total[0]], [3, 7]);
	assert.deepEqual([...callees.before.total], [7, 4]);
});

test('a function is found by its name and module', () => {
	const tree = treeFrom('f@one 1\nf@two 2');

	assert.equal(frameNamed(tree, 'f', 'two'), 1);
	assert.equal(frameNamed(tree, 'f', 'three'), -1);
});
