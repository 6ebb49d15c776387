// SPDX-License-Identifier: Apache-2.0
// The functions as a table.
import type { App } from './app';
import { el, setText, show } from './dom';
import { change, percent, thousands, value } from './format';
import { baseName } from './names';
import { rowsOf, sortRows, type Row, type Sort, type SortKey } from './table';
import type { CallTree } from './tree';
import { frameColours, type View } from './view';

const PAGE_ROWS = 500;
/** So many are made at once: a browser that lays out all of them answers nobody meanwhile. */
const CHUNK_ROWS = 40;

interface Column {
	key: SortKey;
	title: string;
	text: (row: Row, view: View) => string;
	/** The share that is drawn behind the number. */
	share?: (row: Row, view: View) => number;
}

function ratio(part: number, whole: number): number {
	return whole > 0 ? Math.min(Math.max(part / whole, 0), 1) : 0;
}

const SELF: Column = {
	key: 'self',
	title: 'Self',
	text: (row, view) => value(row.self, view.unit),
};
const TOTAL: Column = {
	key: 'total',
	title: 'Total',
	text: (row, view) => value(row.total, view.unit),
};
const USUAL: Column[] = [
	SELF,
	{
		key: 'selfShare',
		title: 'Self %',
		text: (row, view) => percent(row.self, view.tree.total[0]!),
		share: (row, view) => ratio(row.self, view.tree.total[0]!),
	},
	TOTAL,
	{
		key: 'totalShare',
		title: 'Total %',
		text: (row, view) => percent(row.total, view.tree.total[0]!),
		share: (row, view) => ratio(row.total, view.tree.total[0]!),
	},
];
const OF_DIFF: Column[] = [
	SELF,
	{
		key: 'selfChange',
		title: 'Self change',
		text: (row, view) => change(row.selfBefore, row.self, view.unit),
	},
	TOTAL,
	{
		key: 'totalChange',
		title: 'Total change',
		text: (row, view) => change(row.totalBefore, row.total, view.unit),
	},
];

export class TableView {
	readonly element: HTMLElement;
	// In a narrow window rows are no table's rows to the browser any more; roles say that they are.
	private readonly headings = el('tr', { attrs: { role: 'row' } });
	private readonly body = el('tbody', { attrs: { role: 'rowgroup' } });
	private readonly more = el('button', {
		testid: 'show-more',
		attrs: { type: 'button' },
		on: {
			click: () => {
				this.limit += PAGE_ROWS;
				this.fill();
			},
		},
	});
	private readonly count = el('p', { class: 'soft', attrs: { role: 'status' } });
	private view: View | null = null;
	private tree: CallTree | null = null;
	private hits: Uint8Array | null = null;
	private all: Row[] = [];
	private rows: Row[] = [];
	private sort: Sort = { key: 'self', descending: true };
	private limit = PAGE_ROWS;
	private filling = 0;
	private pending = 0;

	constructor(private readonly app: App) {
		const table = el('table', { testid: 'table', attrs: { role: 'table' } }, [
			el('caption', { class: 'offscreen', text: 'Functions' }),
			el('thead', { attrs: { role: 'rowgroup' } }, [this.headings]),
			this.body,
		]);

		this.element = el(
			'section',
			{ class: 'table', attrs: { 'aria-label': 'Functions' } },
			[
				el('div', { class: 'section-head' }, [
					el('h2', { text: 'Functions' }),
					this.count,
				]),
				el('div', { class: 'table-scroll' }, [table]),
				this.more,
			],
		);
	}

	/** In a while: what is drawn above comes first. */
	show(view: View): void {
		clearTimeout(this.pending);
		this.pending = window.setTimeout(() => this.showNow(view));
	}

	private showNow(view: View): void {
		if (view.tree === this.tree && view.hits === this.hits)
			return;
		if (view.tree !== this.tree)
			this.all = rowsOf(view.tree);
		// The changes of a diff are what it was made for.
		if (Boolean(view.tree.before) !== Boolean(this.tree?.before) || !this.tree)
			this.sort = {
				key: view.tree.before ? 'selfChange' : 'self',
				descending: true,
			};
		this.view = view;
		this.tree = view.tree;
		this.hits = view.hits;
		this.limit = PAGE_ROWS;
		this.arrange();
	}

	private arrange(): void {
		const { hits } = this;
		const rows = hits ? this.all.filter((row) => hits[row.frame]) : [...this.all];

		this.rows = sortRows(rows, this.tree!, this.sort);
		this.fill();
	}

	private sortBy(key: SortKey): void {
		const text = key === 'name' || key === 'module';
		const again = this.sort.key === key;

		this.sort = { key, descending: again ? !this.sort.descending : !text };
		this.arrange();
	}

	private get columns(): Column[] {
		return this.tree?.before ? OF_DIFF : USUAL;
	}

	private fill(): void {
		const view = this.view!;
		const shown = this.rows.slice(0, this.limit);
		const left = this.rows.length - shown.length;

		this.element.classList.toggle('of-diff', this.columns === OF_DIFF);
		this.headings.replaceChildren(
			this.heading('name', 'Function'),
			this.heading('module', 'Module'),
			...this.columns.map(({ key, title }) => this.heading(key, title)),
		);
		this.fillFrom(shown, 0, view);
		setText(
			this.count,
			this.rows.length === this.all.length
				? thousands(this.all.length)
				: `${thousands(this.rows.length)} of ${thousands(this.all.length)}`,
		);
		show(this.more, left > 0);
		setText(this.more, `Show ${thousands(Math.min(left, PAGE_ROWS))} more`);
	}

	private fillFrom(rows: Row[], from: number, view: View): void {
		const chunk = rows.slice(from, from + CHUNK_ROWS).map((row) => this.row(row, view));

		clearTimeout(this.filling);
		if (from)
			this.body.append(...chunk);
		else
			this.body.replaceChildren(...chunk);
		if (from + CHUNK_ROWS < rows.length) {
			this.filling = window.setTimeout(() =>
				this.fillFrom(rows, from + CHUNK_ROWS, view),
			);
		}
	}

	private heading(key: SortKey, title: string): HTMLElement {
		const sorted = this.sort.key === key;
		const order = this.sort.descending ? 'descending' : 'ascending';
		const button = el('button', {
			text: title,
			attrs: { type: 'button' },
			on: {
				click: () => {
					this.sortBy(key);
					// The headings are made anew with each order.
					this.headings
						.querySelector<HTMLElement>(
							`[data-title="${title}"] button`,
						)
						?.focus();
				},
			},
		});

		return el(
			'th',
			{
				class: key === 'name' ? '' : key === 'module' ? key : 'number',
				attrs: {
					role: 'columnheader',
					scope: 'col',
					'data-title': title,
					'aria-sort': sorted ? order : undefined,
				},
			},
			[button],
		);
	}

	private row(row: Row, view: View): HTMLElement {
		const { frames } = view.tree;
		const name = frames.name[row.frame]!;
		const module = frames.module[row.frame]!;
		const swatch = el('span', { class: 'swatch' });
		const open = el('button', {
			class: 'name',
			text: name,
			attrs: { type: 'button', title: `${name}: callers and callees` },
			on: { click: () => this.app.go({ focus: { name, module } }) },
		});

		swatch.style.backgroundColor = frameColours(frames)(row.frame);
		return el('tr', { attrs: { role: 'row' } }, [
			el('td', { attrs: { role: 'cell' } }, [el('div', { class: 'function' }, [swatch, open])]),
			el('td', {
				class: 'module',
				text: baseName(module),
				attrs: { role: 'cell', title: module },
			}),
			...this.columns.map((column) => this.number(column, row, view)),
		]);
	}

	private number(column: Column, row: Row, view: View): HTMLElement {
		const cell = el('td', {
			class: 'number',
			text: column.text(row, view),
			attrs: { role: 'cell' },
		});

		if (column.share) {
			cell.classList.add('share');
			cell.style.setProperty(
				'--share-width',
				`${(100 * column.share(row, view)).toFixed(2)}%`,
			);
		}
		return cell;
	}
}
