// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProfile } from '../src/profile';
import { rowsOf, sortRows } from '../src/table';
import { hide, idleFrames, kernelFrames, nodeName, nodeOf, sameNode, treeOf } from '../src/tree';
import { file, profile } from './made.mjs';

const TREE = `
main 1
	work 2
		read@libc!library 0
			sys_read@[kernel]!kernel 4
			sys_io@[kernel]!kernel 8
	wait 0
		epoll_wait@libc!library 16
other 32`;

function treeFrom(text, more) {
	return treeOf(profile(text, more), 0);
}

function names(tree) {
	return Array.from(tree.frame, (_, node) => nodeName(tree, node));
}

test('a node has what it and its callees have', () => {
	const tree = treeFrom(TREE);

	assert.deepEqual(names(tree), [
		'all',
		'main',
		'work',
		'read',
		'sys_read',
		'sys_io',
		'wait',
		'epoll_wait',
		'other',
	]);
	assert.deepEqual([...tree.total], [63, 31, 14, 12, 4, 8, 16, 16, 32]);
	assert.deepEqual([...tree.parent], [-1, 0, 1, 2, 3, 3, 1, 6, 0]);
	assert.deepEqual([...tree.end], [9, 8, 6, 6, 5, 6, 8, 8, 9]);
});

test("a hidden kernel is its callers' own", () => {
	const whole = treeFrom(TREE);
	const { tree, value } = hide(whole, kernelFrames(whole.frames), true);

	assert.equal(value, 12);
	assert.deepEqual(names(tree), [
		'all',
		'main',
		'work',
		'read',
		'wait',
		'epoll_wait',
		'other',
	]);
	assert.deepEqual([...tree.self], [0, 1, 2, 12, 0, 16, 32]);
	assert.equal(tree.total[0], whole.total[0]);
	assert.equal(nodeOf(tree, 7), 5);
	assert.equal(nodeOf(tree, 4), 0, 'what is not there any more is the root');
});

test('hidden idleness is gone', () => {
	const whole = treeFrom(TREE);
	const { tree, value } = hide(whole, idleFrames(whole.frames), false);

	assert.equal(value, 16);
	assert.equal(tree.total[0], 47);
	assert.equal(tree.total[names(tree).indexOf('wait')], 0);
});

test("glibc's own names are known for idle, and others are not", () => {
	const { frames } = treeFrom(
		'__GI___poll 1\n__pthread_cond_wait_common 1\nclock_nanosleep 1\n' +
			'accept4 1\ndo_sigtimedwait.isra.0 1\n__x64_sys_rt_sigtimedwait 1\n' +
			'polled 1\nread 1\npoll_all 1\nfutex_wait 1',
	);

	assert.deepEqual([...idleFrames(frames)], [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]);
});

test('of a diff what is hidden is hidden in both', () => {
	const whole = treeFrom('main 1 2\n\tk@[kernel]!kernel 3 5', { diff: true });
	const { tree } = hide(whole, kernelFrames(whole.frames), true);

	assert.deepEqual([...tree.self], [0, 4]);
	assert.deepEqual([...tree.before.self], [0, 7]);
});

test('the same calls are found in another tree, as far as they are there', () => {
	const from = treeFrom(TREE);
	const to = treeFrom('other 1\nmain 1\n\twait 1\n\twork 1\n\t\twrite 1');

	assert.equal(nodeName(to, sameNode(from, 6, to)), 'wait');
	assert.equal(nodeName(to, sameNode(from, 4, to)), 'work');
	assert.equal(sameNode(from, 0, to), 0);
});

test('a profile that does not fit together is refused', () => {
	const broken = (change) => () => {
		const made = file(TREE);

		change(made);
		return readProfile(made);
	};

	assert.throws(
		broken((made) => (made.version = 2)),
		/version/,
	);
	assert.throws(
		broken((made) => (made.nodes.depth[2] = 5)),
		/hangs on none/,
	);
	assert.throws(
		broken((made) => (made.nodes.frame[2] = 99)),
		/of no frame/,
	);
	assert.throws(
		broken((made) => made.nodes.self[0].pop()),
		/values/,
	);
	assert.throws(
		broken((made) => (made.nodes.depth[0] = 1)),
		/no root|hangs/,
	);
});

test('names cannot change the direction of writing', () => {
	const made = file('main 1');

	made.strings[made.frames.name[0]] = 'a\u202eb\nc<b>';
	assert.equal(readProfile(made).frames.name[0], 'a\ufffdb\ufffdc<b>');
});

test('a function that calls itself has what it called only once', () => {
	const tree = treeFrom('f 1\n\tg 2\n\t\tf 4\n\t\t\tg 8\ng 16');
	const rows = sortRows(rowsOf(tree), tree, { key: 'total', descending: true });

	assert.deepEqual(
		rows.map((row) => [tree.frames.name[row.frame], row.self, row.total]),
		[
			['g', 26, 30],
			['f', 5, 15],
		],
	);
});

test('rows are sorted by text, by number and by change, equal ones by name', () => {
	const tree = treeFrom('b 5 1\na 5 9\nc 1 1', { diff: true });
	const order = (key, descending) =>
		sortRows(rowsOf(tree), tree, { key, descending })
			.map((row) => tree.frames.name[row.frame])
			.join('');

	assert.equal(order('name', false), 'abc');
	assert.equal(order('name', true), 'cba');
	assert.equal(order('self', true), 'abc');
	assert.equal(order('self', false), 'cab');
	assert.equal(order('selfChange', true), 'bca');
	assert.equal(order('totalChange', false), 'acb');
});

test('what has gone is a row of a diff, too', () => {
	const tree = treeFrom('gone 0 5\nnever 0 0', { diff: true });

	assert.deepEqual(
		rowsOf(tree).map((row) => row.selfBefore),
		[5],
	);
});
