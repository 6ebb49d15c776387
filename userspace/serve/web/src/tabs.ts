// SPDX-License-Identifier: Apache-2.0
// The tabs: a kind of profile each, and the value that is looked at first.

export interface Tab {
	name: string;
	title: string;
	kind: string;
	/** The type of the value; where there is none of it, the profile's own choice. */
	value: string;
	/** Whether waits of threads that have nothing to do are in it. */
	hasIdle: boolean;
	about: string;
}

export const TABS: Tab[] = [
	{
		name: 'cpu',
		title: 'CPU',
		kind: 'profile',
		value: 'cpu',
		hasIdle: false,
		about: 'What runs on the CPU, sampled for some seconds.',
	},
	{
		name: 'heap',
		title: 'Heap in use',
		kind: 'heap',
		value: 'inuse_space',
		hasIdle: false,
		about: 'What was allocated since the attach and not freed, by who allocated it.',
	},
	{
		name: 'allocs',
		title: 'Allocated',
		kind: 'heap',
		value: 'alloc_space',
		hasIdle: false,
		about: 'All that was allocated since the attach, freed or not.',
	},
	{
		name: 'block',
		title: 'Off-CPU',
		kind: 'block',
		value: 'delay',
		hasIdle: true,
		about: 'Where threads wait: sleep, locks, I/O, preemption.',
	},
	{
		name: 'mutex',
		title: 'Locks',
		kind: 'mutex',
		value: 'delay',
		hasIdle: false,
		about: 'Where threads wait for locks.',
	},
	{
		name: 'threads',
		title: 'Threads',
		kind: 'goroutine',
		value: 'goroutine',
		hasIdle: true,
		about: 'The stacks of all threads, as they are at one moment.',
	},
	{
		name: 'wall',
		title: 'Wall',
		kind: 'wall',
		value: 'wall',
		hasIdle: true,
		about: 'The time of all threads, on the CPU and off it, for some seconds.',
	},
];

export function tabNamed(name: string): Tab {
	return TABS.find((tab) => tab.name === name) ?? TABS[0]!;
}
