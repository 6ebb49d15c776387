// SPDX-License-Identifier: Apache-2.0
// Who is looked at, how it is doing, and what looking costs.
import type { App } from './app';
import { Chart } from './charts';
import { el, setText, show } from './dom';
import { bytes, duration, thousands } from './format';
import { printable } from './names';
import type { State } from './store';
import { themeButton } from './theme';
import type { Status, Target } from './wire';

function plural(count: number, one: string): string {
	return `${thousands(count)} ${one}${count === 1 ? '' : 's'}`;
}

/** The process that the head is about: one that runs, if any does. */
function targetOf(status: Status): Target | undefined {
	return status.targets.find((target) => target.alive) ?? status.targets[0];
}

function titleOf(status: Status): string {
	const target = targetOf(status);
	const more = status.target_count - 1;

	if (!target)
		return 'no process';
	return printable(target.name) + (more > 0 ? ` and ${thousands(more)} more` : '');
}

function factsOf(status: Status): string {
	const target = targetOf(status);
	const facts: string[] = [];

	if (target) {
		facts.push(`PID ${target.pid}`);
		facts.push(
			target.alive
				? `up ${duration(status.now_ms - target.started_ms)}`
				: 'has ended',
		);
		if (target.alive)
			facts.push(plural(target.threads, 'thread'));
	}
	facts.push(`attached for ${duration(status.now_ms - status.attached_ms)}`);
	return facts.join(' · ');
}

function costOf(status: Status): string {
	const { self, heap } = status;
	const seconds = Math.max((status.now_ms - status.attached_ms) / 1000, 1);
	const facts = [
		`exoprof ${printable(status.version)} itself: ` +
			`${((100 * self.cpu_seconds) / seconds).toFixed(1)}% of a CPU`,
		`${bytes(self.rss_bytes)} resident`,
		`${bytes(self.map_bytes)} in kernel maps`,
	];

	if (heap.followed && heap.probe_cpu_share !== null) {
		facts.push(
			'malloc probes: ' +
				(100 * heap.probe_cpu_share).toFixed(1) +
				'% of the target’s CPU time',
		);
	}
	return facts.join(' · ');
}

function lossesOf(status: Status): string {
	return status.losses
		.filter((loss) => loss.count > 0)
		.map((loss) => `${printable(loss.what)}: ${thousands(loss.count)}`)
		.join(' · ');
}

function note(testid: string, name: string): HTMLElement {
	return el('p', { class: name, testid, attrs: { hidden: '' } });
}

/** Says it, or nothing. */
function tell(element: HTMLElement, text: string): void {
	setText(element, text);
	show(element, text !== '');
}

export class Head {
	readonly element: HTMLElement;
	private readonly title = el('h1');
	private readonly facts = el('p', { class: 'facts', testid: 'status' });
	private readonly command = el('code', { class: 'command', testid: 'command' });
	private readonly cost = el('p', { class: 'cost', testid: 'cost' });
	private readonly warning = note('heap-warning', 'warning');
	private readonly losses = note('since-attach', 'cost lost');
	private readonly silence = note('silence', 'failure');
	private readonly cpu = new Chart({
		title: 'CPU',
		testid: 'chart-cpu',
		colour: '--chart-cpu',
		least: 0.1,
		pick: (history) => history.cpu,
		text: (value) => `${value.toFixed(2)} CPUs`,
	});
	private readonly memory = new Chart({
		title: 'Resident',
		testid: 'chart-rss',
		colour: '--chart-rss',
		least: 1 << 20,
		pick: (history) => history.rss,
		text: bytes,
	});

	constructor(app: App) {
		const { title, facts, command, cost, silence } = this;
		const notes = [this.warning, this.losses, silence];
		const top = el('div', { class: 'title-line' }, [title, themeButton()]);

		silence.setAttribute('role', 'alert');
		this.element = el('header', { class: 'head' }, [
			el('div', { class: 'who' }, [top, facts, command, cost, ...notes]),
			el('div', { class: 'charts' }, [this.cpu.element, this.memory.element]),
		]);
		app.store.follow((state: State, before: State) => {
			if (state.status && state.status !== before.status)
				this.show(state.status);
			tell(silence, state.silence);
		});
	}

	private show(status: Status): void {
		const name = titleOf(status);
		const dropped = lossesOf(status);

		document.title = `${name} · exoprof`;
		setText(this.title, name);
		setText(this.facts, factsOf(status));
		setText(this.command, printable(targetOf(status)?.command.join(' ') ?? ''));
		this.command.title = this.command.textContent ?? '';
		setText(this.cost, costOf(status));
		// Where there is no heap at all, its tab says why.
		const { followed, warning } = status.heap;
		tell(this.warning, followed && warning ? `Heap: ${printable(warning)}` : '');
		tell(this.losses, dropped && `Since the attach: ${dropped}`);
		const ended = !targetOf(status)?.alive;
		this.cpu.show(status.history, ended);
		this.memory.show(status.history, ended);
	}
}
