// SPDX-License-Identifier: Apache-2.0
// Puts boxes on a canvas.
import type { Boxes, Box } from './layout';
import { fit } from './names';
import { HIT, INK, NOTE, ROOT } from './palette';
import { KIND } from './profile';
import { isWithin, nodeName, type CallTree } from './tree';

export const ROW_HEIGHT = 18;
const LABEL_PAD = 4;
/** A shorter label says nothing. */
const LEAST_CELLS = 3;
const FONT = '12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
// Ink of either theme has 4.5:1 or more on what shines through.
const FADED = 0.35;
const ABOVE = 0.38;

/** What is drawn, and how. */
export interface Picture {
	tree: CallTree;
	/** The colour of a node. */
	fill: (node: number) => string;
	/** By frame: whether the search found it; null where there is none. */
	hits: Uint8Array | null;
	/** What is as wide as the picture; its callers are paler. */
	zoom: number;
}

/** Colours of the theme, for what is drawn on its ground. */
export interface Theme {
	ink: string;
	narrow: string;
}

/** A canvas's painter: keeps what takes time to find out. */
export class Painter {
	private readonly context: CanvasRenderingContext2D;
	private cell = 0;
	private hatch: CanvasPattern | null = null;
	/** By frame: the label as it was last cut, and to how many cells. */
	private labels = new Map<number, { cells: number; text: string }>();
	private tree: CallTree | null = null;
	private ratio = 1;

	constructor(private readonly canvas: HTMLCanvasElement) {
		const context = canvas.getContext('2d');

		if (!context)
			throw new Error('This browser has no canvas.');
		this.context = context;
	}

	/** In CSS px; the canvas has as many pixels as the screen has there. */
	resize(width: number, height: number): void {
		this.ratio = window.devicePixelRatio || 1;
		this.canvas.width = Math.round(width * this.ratio);
		this.canvas.height = Math.round(height * this.ratio);
		this.canvas.style.width = `${width}px`;
		this.canvas.style.height = `${height}px`;
	}

	paint(picture: Picture, boxes: Boxes, theme: Theme, top: (depth: number) => number): void {
		const { context, ratio } = this;

		if (picture.tree !== this.tree)
			this.labels.clear();
		this.tree = picture.tree;
		context.setTransform(1, 0, 0, 1, 0, 0);
		context.clearRect(0, 0, this.canvas.width, this.canvas.height);
		context.setTransform(ratio, 0, 0, ratio, 0, 0);
		context.font = FONT;
		context.textBaseline = 'alphabetic';
		this.cell ||= context.measureText('0'.repeat(100)).width / 100;
		this.paintNarrow(boxes, theme, top);
		boxes.rows.forEach((row, depth) => {
			for (const box of row)
				this.paintBox(picture, box, theme, top(depth));
		});
	}

	private paintNarrow(boxes: Boxes, theme: Theme, top: (depth: number) => number): void {
		this.context.fillStyle = theme.narrow;
		boxes.narrow.forEach((runs, depth) => {
			for (const run of runs)
				this.fillBox(run.x, top(depth), run.width);
		});
	}

	private paintBox(picture: Picture, box: Box, theme: Theme, y: number): void {
		const { tree, hits, zoom } = picture;
		const { context } = this;
		const { node } = box;
		const frame = tree.frame[node]!;
		const hit = hits !== null && frame >= 0 && hits[frame] === 1;
		const above = node < zoom && isWithin(tree, node, zoom);
		const note = frame >= 0 && tree.frames.kind[frame] === KIND.note;
		const alpha = hits && !hit ? FADED : above ? ABOVE : 1;

		context.globalAlpha = alpha;
		context.fillStyle = hit
			? HIT
			: note
				? this.hatching()
				: node
					? picture.fill(node)
					: ROOT;
		this.fillBox(box.x, y, box.width);
		context.globalAlpha = 1;
		// What is faded shows the ground, and takes its ink.
		context.fillStyle = alpha < 1 ? theme.ink : hit || note ? '#ffffff' : INK;
		this.paintLabel(tree, box, y);
	}

	// Edges on whole pixels of the screen, and one between neighbours where there is room.
	private fillBox(x: number, y: number, width: number): void {
		const { ratio } = this;
		const left = Math.round(x * ratio) / ratio;
		const right = Math.max(Math.round((x + width) * ratio) / ratio, left + 1 / ratio);
		const gap = right - left > 3 / ratio ? 1 / ratio : 0;

		this.context.fillRect(left, y, right - left - gap, ROW_HEIGHT - 1);
	}

	private paintLabel(tree: CallTree, box: Box, y: number): void {
		const room = box.width - 2 * LABEL_PAD;
		const cells = Math.floor(room / this.cell);

		if (cells < LEAST_CELLS)
			return;
		// The width is for characters that no monospaced font has.
		this.context.fillText(
			this.label(tree, box.node, cells),
			box.x + LABEL_PAD,
			y + 13,
			room,
		);
	}

	private label(tree: CallTree, node: number, cells: number): string {
		const frame = tree.frame[node]!;
		const kept = this.labels.get(frame);

		if (kept && kept.cells === cells)
			return kept.text;
		const text = fit(nodeName(tree, node), cells);
		this.labels.set(frame, { cells, text });
		return text;
	}

	private hatching(): CanvasPattern | string {
		if (this.hatch)
			return this.hatch;
		const tile = document.createElement('canvas');
		const context = tile.getContext('2d')!;

		tile.width = tile.height = 8;
		context.fillStyle = NOTE.ground;
		context.fillRect(0, 0, 8, 8);
		context.strokeStyle = NOTE.stripe;
		context.lineWidth = 2.5;
		for (const x of [-8, 0, 8]) {
			context.moveTo(x, 8);
			context.lineTo(x + 8, 0);
		}
		context.stroke();
		this.hatch = this.context.createPattern(tile, 'repeat');
		return this.hatch ?? NOTE.stripe;
	}
}
