// SPDX-License-Identifier: Apache-2.0
// Taking a profile: for how long, how far it is, and calling it off.
import type { App } from './app';
import { el, labelled, setText, show } from './dom';
import type { Job, State } from './store';

const USUAL_SECONDS = '10';
/** What the server takes where it is not told. */
const DEFAULT_SECONDS = 30;
const TICK_MS = 100;

export class Taking {
	readonly element: HTMLElement;
	private readonly seconds = el('input', {
		testid: 'seconds',
		attrs: {
			type: 'number',
			min: '1',
			step: '1',
			inputmode: 'numeric',
			'aria-label': 'Seconds',
		},
		on: { keydown: (event) => event.key === 'Enter' && this.start() },
	});
	private readonly label = labelled('For', this.seconds);
	private readonly take = el('button', {
		class: 'primary',
		text: 'Take',
		testid: 'take',
		attrs: { type: 'button' },
		on: { click: () => this.start() },
	});
	private readonly bar = el('progress', {
		testid: 'progress',
		attrs: { 'aria-label': 'Progress' },
	});
	private readonly left = el('span', { class: 'soft' });
	private readonly cancel = el('button', {
		text: 'Cancel',
		testid: 'cancel',
		attrs: { type: 'button' },
		on: { click: () => this.app.cancel() },
	});
	private readonly idle = el('div', { class: 'running' }, [this.label, this.take]);
	private readonly running = el('div', { class: 'running' }, [
		this.bar,
		this.left,
		this.cancel,
	]);
	/** What was typed, by tab. */
	private readonly typed = new Map<string, string>();
	private tab = '';
	private takesSeconds = true;
	private timer = 0;

	constructor(private readonly app: App) {
		this.label.append(el('span', { text: 's' }));
		this.element = el('div', { class: 'taking' }, [this.idle, this.running]);
		app.store.follow((state) => this.show(state));
	}

	private start(): void {
		const text = this.seconds.value.trim();
		const unless_told = this.takesSeconds ? DEFAULT_SECONDS : null;

		if (!this.take.disabled && this.seconds.reportValidity())
			void this.app.take(text === '' ? unless_told : Number(text));
	}

	private show({ place, jobs }: State): void {
		const { kind, kindStatus } = this.app;
		const job = jobs.get(kind);

		this.takesSeconds =
			kindStatus?.takes_seconds ?? (kind === 'profile' || kind === 'wall');
		// The threads are as they are now: a difference of two looks would say nothing.
		show(this.label, kind !== 'goroutine');
		this.showField(place.tab);
		this.take.disabled = Boolean(kindStatus?.why_not);
		this.switchTo(job);
		clearInterval(this.timer);
		if (job) {
			this.tick(job);
			this.timer = window.setInterval(() => this.tick(job), TICK_MS);
		}
	}

	private showField(tab: string): void {
		const { seconds, takesSeconds } = this;

		setText(
			this.label.firstElementChild as HTMLElement,
			takesSeconds ? 'For' : 'Only the next',
		);
		seconds.placeholder = takesSeconds ? String(DEFAULT_SECONDS) : 'all so far';
		if (tab === this.tab)
			return;
		this.typed.set(this.tab, seconds.value);
		seconds.value = this.typed.get(tab) ?? (takesSeconds ? USUAL_SECONDS : '');
		this.tab = tab;
	}

	// Whoever pressed a key on what disappears goes on with what is there instead.
	private switchTo(job: Job | undefined): void {
		const focused = document.activeElement;

		show(this.idle, !job);
		show(this.running, job !== undefined);
		if (job && focused && this.idle.contains(focused))
			this.cancel.focus();
		else if (!job && focused === this.cancel)
			this.take.focus();
	}

	private tick(job: Job): void {
		const { bar, left } = this;
		const passed = (Date.now() - job.startedAt) / 1000;

		if (job.seconds === null) {
			bar.removeAttribute('value');
			setText(left, 'taking the profile');
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
	}
}
