// SPDX-License-Identifier: Apache-2.0
// The profile that is shown, for other tools.
import type { App } from './app';
import { copyText, el, setText, show } from './dom';
import { snapshotPath } from './server';
import type { View } from './view';

const FORMATS: [format: string, text: string, holds_diffs: boolean][] = [
	['pprof', 'pprof', true],
	['flamegraph', 'SVG', true],
	['folded', 'Folded', true],
	['speedscope', 'Speedscope', false],
	['text', 'Text', false],
];

function address(path: string): string {
	return new URL(path, location.href.replace(/#.*/, '')).href;
}

// A query has characters that a shell would act on.
function quoted(text: string): string {
	return /^[\w:/.%-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function pprofCommand(kind: string, shown: number | null, base: number | null): string {
	const url = (id: number) => quoted(address(snapshotPath(id, null, {})));

	if (shown === null)
		return `go tool pprof ${quoted(address(`debug/pprof/${kind}`))}`;
	if (base === null)
		return `go tool pprof ${url(shown)}`;
	return `go tool pprof -diff_base ${url(base)} ${url(shown)}`;
}

export function downloads(app: App): { element: HTMLElement; show: (view: View | null) => void } {
	const links = FORMATS.map(([format, text]) =>
		el('a', {
			class: 'button',
			text,
			testid: `download-${format}`,
			attrs: { download: '' },
		}),
	);
	const files = el('div', { class: 'files' }, [el('span', { text: 'Download' }), ...links]);
	const command = el('code', { testid: 'pprof-command', attrs: { tabindex: '0' } });
	const copy = el('button', {
		text: 'Copy',
		testid: 'copy-command',
		attrs: { type: 'button' },
		on: {
			click: async () => {
				const copied = await copyText(command.textContent ?? '');

				setText(copy, copied ? 'Copied' : 'Not copied');
				setTimeout(() => setText(copy, 'Copy'), 1500);
			},
		},
	});

	const commandLine = el('div', { class: 'command-line' }, [command, copy]);

	return {
		element: el(
			'section',
			{ class: 'downloads', attrs: { 'aria-label': 'Other tools' } },
			[files, commandLine],
		),
		show: (view) => {
			const { base } = app.state.place;
			const { shown } = app;
			const type = view?.profile.types[view.type]?.type;

			show(files, view !== null && shown !== null);
			show(commandLine, view !== null || !app.kindStatus?.why_not);
			setText(command, pprofCommand(app.kind, view ? shown : null, base));
			FORMATS.forEach(([format, , holds_diffs], i) => {
				show(links[i]!, base === null || holds_diffs);
				links[i]!.href =
					shown === null
						? ''
						: snapshotPath(shown, base, {
								format,
								...(type
									? { sample_index: type }
									: {}),
								download: '1',
							});
			});
		},
	};
}
