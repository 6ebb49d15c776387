// SPDX-License-Identifier: Apache-2.0
// Elements, made in one expression. Text is only ever set as text.

type Listeners = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };

export interface Props {
	class?: string;
	testid?: string;
	text?: string;
	/** Attributes; those that are undefined are left out. */
	attrs?: Record<string, string | undefined>;
	on?: Listeners;
}

export function el<K extends keyof HTMLElementTagNameMap>(
	tag: K,
	props: Props = {},
	children: (Node | string)[] = [],
): HTMLElementTagNameMap[K] {
	const element = document.createElement(tag);

	if (props.class)
		element.className = props.class;
	if (props.testid)
		element.dataset['testid'] = props.testid;
	if (props.text !== undefined)
		element.textContent = props.text;
	for (const [name, value] of Object.entries(props.attrs ?? {})) {
		if (value !== undefined)
			element.setAttribute(name, value);
	}
	for (const [name, listener] of Object.entries(props.on ?? {}))
		element.addEventListener(name, listener as EventListener);
	element.append(...children);
	return element;
}

/** Sets the text only where it changes, so that nothing is laid out or read aloud for nothing. */
export function setText(element: HTMLElement, text: string): void {
	if (element.textContent !== text)
		element.textContent = text;
}

export function show(element: HTMLElement, shown: boolean): void {
	element.hidden = !shown;
}

/** Fills a <select>; its options are only made anew where they differ. */
export function setOptions(
	select: HTMLSelectElement,
	options: [value: string, text: string][],
	chosen: string,
): void {
	const same =
		select.options.length === options.length &&
		options.every(
			([value, text], i) =>
				select.options[i]!.value === value &&
				select.options[i]!.text === text,
		);

	if (!same) {
		select.replaceChildren(
			...options.map(([value, text]) => el('option', { text, attrs: { value } })),
		);
	}
	select.value = chosen;
}

export function labelled(text: string, control: HTMLElement, name = 'field'): HTMLLabelElement {
	return el('label', { class: name }, [el('span', { text }), control]);
}

/** One that can be pressed and stays so. */
export function toggle(
	text: string,
	testid: string,
	onChange: (on: boolean) => void,
): {
	element: HTMLButtonElement;
	set: (on: boolean) => void;
} {
	let on = false;
	const element = el('button', {
		class: 'toggle',
		text,
		testid,
		attrs: { type: 'button', 'aria-pressed': 'false' },
		on: { click: () => onChange(!on) },
	});

	return {
		element,
		set: (now) => {
			on = now;
			element.setAttribute('aria-pressed', String(now));
		},
	};
}

export async function copyText(text: string): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		// Over plain HTTP from another machine there is no clipboard but the old one.
		const area = el('textarea', { class: 'offscreen' });
		const focused = document.activeElement as HTMLElement | null;

		area.value = text;
		document.body.append(area);
		area.select();
		const copied = document.execCommand('copy');
		area.remove();
		focused?.focus({ preventScroll: true });
		return copied;
	}
}
