// SPDX-License-Identifier: Apache-2.0
// Who is looked at, how it is doing, and what looking costs.
import type { App } from './app';
import { Chart } from './charts';
import { el, setText, show } from './dom';
import { bytes, duration, thousands } from './format';
import { printable } from './names';
import type { State } from './store';
import { themeButton } from './theme';
import type { Status } from './wire';

function plural(count: number, one: string): string {
	return `${thousands(count)} ${one}${count === 1 ? '' : 's'}`;
}

function titleOf(status: Status): string {
	const target = status.targets[0];
	const more = status.target_count - 1;

	if (!target)
		return 'no process';
	return printable(target.name) + (more > 0 ? ` and ${thousands(more)} more` : '');
}

function factsOf(status: Status): string {
	const target = status.targets[0];
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

export function head(app: App): HTMLElement {
	const title = el('h1', {});
	const facts = el('p', { class: 'facts', testid: 'status' });
	const command = el('code', { class: 'command', testid: 'command' });
	const cost = el('p', { class: 'cost' });
	const warning = el('p', { class: 'warning', attrs: { hidden: '' } });
	const losses = el('p', {
		class: 'cost lost',
		testid: 'since-attach',
		attrs: { hidden: '' },
	});
	const silence = el('p', {
		class: 'failure',
		testid: 'silence',
		attrs: { role: 'alert', hidden: '' },
	});
	const cpu = new Chart({
		title: 'CPU',
		testid: 'chart-cpu',
		colour: '--chart-cpu',
		least: 0.1,
		pick: (history) => history.cpu,
		text: (value) => `${value.toFixed(2)} CPUs`,
	});
	const memory = new Chart({
		title: 'Resident',
		testid: 'chart-rss',
		colour: '--chart-rss',
		least: 1 << 20,
		pick: (history) => history.rss,
		text: bytes,
	});

	const showStatus = (status: Status) => {
		const name = titleOf(status);
		const dropped = lossesOf(status);

		setText(title, name);
		document.title = `${name} · exoprof`;
		setText(facts, factsOf(status));
		setText(command, printable(status.targets[0]?.command.join(' ') ?? ''));
		command.title = command.textContent ?? '';
		setText(cost, costOf(status));
		setText(warning, printable(status.heap.warning));
		show(warning, status.heap.warning !== '');
		setText(losses, `Since the attach: ${dropped}`);
		show(losses, dropped !== '');
		cpu.show(status.history);
		memory.show(status.history);
	};

	app.store.follow(({ status, silence: why }: State, before: State) => {
		if (status && (status !== before.status || !title.textContent))
			showStatus(status);
		setText(silence, why);
		show(silence, why !== '');
	});
	return el('header', { class: 'head' }, [
		el('div', { class: 'who' }, [
			el('div', { class: 'title-line' }, [title, themeButton()]),
			facts,
			command,
			cost,
			warning,
			losses,
			silence,
		]),
		el('div', { class: 'charts' }, [cpu.element, memory.element]),
	]);
}
