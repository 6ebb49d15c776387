// SPDX-License-Identifier: Apache-2.0
// Taking a profile: for how long, how far it is, and calling it off.
import type { App } from './app';
import { el, labelled, setText, show } from './dom';
import type { Job } from './store';
import { tabNamed } from './tabs';

const USUAL_SECONDS = '10';
/** What the server takes where it is not told. */
const DEFAULT_SECONDS = 30;
const TICK_MS = 100;

export function taking(app: App): HTMLElement {
	const seconds = el('input', {
		testid: 'seconds',
		attrs: {
			type: 'number',
			min: '1',
			step: '1',
			inputmode: 'numeric',
			'aria-label': 'Seconds',
		},
		on: { keydown: (event) => event.key === 'Enter' && take.click() },
	});
	const label = labelled('For', seconds);
	label.append(el('span', { text: 's' }));
	const take = el('button', {
		class: 'primary',
		text: 'Take',
		testid: 'take',
		attrs: { type: 'button' },
		on: { click: () => start() },
	});
	const bar = el('progress', { testid: 'progress', attrs: { 'aria-label': 'Progress' } });
	const left = el('span', { class: 'soft' });
	const cancel = el('button', {
		text: 'Cancel',
		testid: 'cancel',
		attrs: { type: 'button' },
		on: { click: () => app.cancel() },
	});
	const running = el('div', { class: 'running' }, [bar, left, cancel]);
	const idle = el('div', { class: 'running' }, [label, take]);
	/** What was typed, by tab. */
	const typed = new Map<string, string>();
	let tab = '';
	let takesSeconds = true;
	let timer = 0;

	const start = () => {
		const text = seconds.value.trim();

		if (seconds.reportValidity())
			void app.take(
				text !== '' ? Number(text) : takesSeconds ? DEFAULT_SECONDS : null,
			);
	};
	const tick = (job: Job) => {
		const passed = (Date.now() - job.startedAt) / 1000;

		if (job.seconds === null) {
			bar.removeAttribute('value');
			setText(left, 'taking it');
			return;
		}
		bar.max = job.seconds;
		bar.value = Math.min(passed, job.seconds);
		setText(
			left,
			passed < job.seconds
				? `${Math.ceil(job.seconds - passed)} s left`
				: 'looking up names',
		);
	};
	const showField = (name: string, takes_seconds: boolean) => {
		setText(
			label.firstElementChild as HTMLElement,
			takes_seconds ? 'For' : 'Only the next',
		);
		seconds.placeholder = takes_seconds ? '30' : 'all so far';
		takesSeconds = takes_seconds;
		if (name === tab)
			return;
		typed.set(tab, seconds.value);
		seconds.value = typed.get(name) ?? (takes_seconds ? USUAL_SECONDS : '');
		tab = name;
	};

	app.store.follow(({ place, jobs }) => {
		const { kind, kindStatus } = app;
		const job = jobs.get(kind);
		const takes_seconds =
			kindStatus?.takes_seconds ??
			['profile', 'wall'].includes(tabNamed(place.tab).kind);

		// The threads are as they are now: a difference of two looks would say nothing.
		show(label, kind !== 'goroutine');
		showField(place.tab, takes_seconds);
		const focused = document.activeElement;

		show(idle, !job);
		show(running, job !== undefined);
		// Whoever pressed a key here goes on here.
		if (job && focused && idle.contains(focused))
			cancel.focus();
		else if (!job && focused === cancel)
			take.focus();
		take.disabled = Boolean(kindStatus?.why_not);
		clearInterval(timer);
		if (job) {
			tick(job);
			timer = window.setInterval(() => tick(job), TICK_MS);
		}
	});
	return el('div', { class: 'taking' }, [idle, running]);
}
