// SPDX-License-Identifier: Apache-2.0
// A small chart over the last minutes, with its newest value as text.
import uPlot from 'uplot';
import { el, setText } from './dom';
import { clock } from './format';
import type { History } from './wire';

const HEIGHT = 64;
const NARROWEST = 120;

export interface ChartSpec {
	title: string;
	testid: string;
	/** The name of the line's colour in the stylesheet. */
	colour: string;
	pick: (history: History) => (number | null)[];
	text: (value: number) => string;
	/** Values up to here have the same scale, so that noise does not look like a mountain. */
	least: number;
}

function newest(values: (number | null)[]): number | null {
	return values.filter((value) => value !== null).pop() ?? null;
}

export class Chart {
	readonly element: HTMLElement;
	private readonly now = el('span', { class: 'chart-now', text: '–' });
	private readonly span = el('span', { class: 'chart-span' });
	private readonly plotArea = el('div', {
		class: 'chart-plot',
		attrs: { 'aria-hidden': 'true' },
	});
	private plot: uPlot | null = null;
	private history: History | null = null;
	private values: (number | null)[] = [];
	private ended = false;

	constructor(private readonly spec: ChartSpec) {
		const text = el('figcaption', {}, [
			el('span', { class: 'chart-title', text: spec.title }),
			this.now,
			this.span,
		]);

		this.element = el('figure', { class: 'chart', testid: spec.testid }, [
			text,
			this.plotArea,
		]);
		new ResizeObserver(() => this.resize()).observe(this.plotArea);
		// A canvas does not follow the stylesheet by itself.
		new MutationObserver(() => this.plot?.redraw(false)).observe(
			document.documentElement,
			{ attributeFilter: ['data-theme'] },
		);
	}

	/** `ended`: there is nothing any more that could have a newest value. */
	show(history: History, ended: boolean): void {
		const { spec } = this;
		const seconds = history.cpu.map(
			(_, i) => (history.start_ms + i * history.step_ms) / 1000,
		);

		this.history = history;
		this.values = spec.pick(history);
		this.ended = ended;
		this.plot ??= this.makePlot();
		this.plot.setData([seconds, this.values]);
		this.showText(null);
	}

	// The newest value, or the one that the pointer is at.
	private showText(index: number | null): void {
		const { history, ended } = this;
		const now = ended ? null : newest(this.values);
		const value = index === null ? now : (this.values[index] ?? null);
		const none = ended && index === null ? '–' : 'unknown';

		setText(this.now, value === null ? none : this.spec.text(value));
		setText(
			this.span,
			index === null || !history
				? this.peak()
				: clock(history.start_ms + index * history.step_ms, Date.now()),
		);
	}

	private peak(): string {
		const known = this.values.filter((value) => value !== null);

		return known.length > 1 ? `peak ${this.spec.text(Math.max(...known))}` : '';
	}

	private colour(suffix = ''): string {
		return getComputedStyle(this.element)
			.getPropertyValue(this.spec.colour + suffix)
			.trim();
	}

	private makePlot(): uPlot {
		const { spec } = this;

		return new uPlot(
			{
				width: Math.max(this.plotArea.clientWidth, NARROWEST),
				height: HEIGHT,
				padding: [4, 2, 2, 2],
				legend: { show: false },
				cursor: { y: false, drag: { x: false, y: false } },
				hooks: {
					setCursor: [
						(plot) => this.showText(plot.cursor.idx ?? null),
					],
				},
				scales: {
					y: {
						range: (_, __, max) => [
							0,
							Math.max((max ?? 0) * 1.1, spec.least),
						],
					},
				},
				axes: [{ show: false }, { show: false }],
				series: [
					{},
					{
						stroke: () => this.colour(),
						fill: () => this.colour('-fill'),
						width: 1.5,
						points: { show: false },
					},
				],
			},
			[[], []],
			this.plotArea,
		);
	}

	private resize(): void {
		const width = this.plotArea.clientWidth;

		if (this.plot && width)
			this.plot.setSize({ width, height: HEIGHT });
	}
}
