// SPDX-License-Identifier: Apache-2.0
// Questions to the server that this page is from. Paths are relative: a proxy may have put it in a
// folder of its own.
import type { SnapshotList, Snapshot, Status, TreeFile } from './wire';

const PATIENCE_MS = 10000;

/** Its message is the server's own sentence. */
export class ServerError extends Error {
	constructor(
		message: string,
		readonly status: number,
	) {
		super(message);
	}
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
	let response: Response;

	try {
		response = await fetch(path, { cache: 'no-store', ...init });
	} catch (error) {
		if (error instanceof DOMException && error.name === 'AbortError')
			throw error;
		throw new ServerError('exoprof does not answer. Has it ended?', 0);
	}
	if (!response.ok) {
		const text = (await response.text()).trim();

		throw new ServerError(
			text || `${response.status} ${response.statusText}`,
			response.status,
		);
	}
	return response;
}

async function askJson<T>(path: string, init?: RequestInit): Promise<T> {
	const response = await ask(path, init);

	try {
		return (await response.json()) as T;
	} catch (error) {
		if (error instanceof DOMException && error.name === 'AbortError')
			throw error;
		throw new ServerError('exoprof’s answer broke off.', 0);
	}
}

/** For questions that are answered at once. */
function soon(): RequestInit {
	return { signal: AbortSignal.timeout(PATIENCE_MS) };
}

export function getStatus(since: number | null): Promise<Status> {
	return askJson<Status>('api/status' + (since === null ? '' : `?since=${since}`), soon());
}

export function getSnapshots(): Promise<SnapshotList> {
	return askJson<SnapshotList>('api/snapshots', soon());
}

/** Answers when the profile has been taken; aborting the signal cancels it. */
export function takeSnapshot(
	kind: string,
	seconds: number | null,
	signal: AbortSignal,
): Promise<Snapshot> {
	const query = new URLSearchParams({ profile: kind });

	if (seconds !== null)
		query.set('seconds', String(seconds));
	return askJson<Snapshot>(`api/snapshots?${query}`, { method: 'POST', signal });
}

export async function deleteSnapshot(id: number): Promise<void> {
	await ask(`api/snapshots/${id}`, { method: 'DELETE' });
}

/** The address of a snapshot, or of what has changed in it since another one. */
export function snapshotPath(
	id: number,
	base: number | null,
	parameters: Record<string, string>,
): string {
	const query = new URLSearchParams(parameters);

	if (base !== null)
		query.set('base', String(base));
	const text = query.toString();
	return `api/snapshots/${id}${text ? '?' + text : ''}`;
}

export function getTree(id: number, base: number | null, signal: AbortSignal): Promise<TreeFile> {
	return askJson<TreeFile>(snapshotPath(id, base, { format: 'tree' }), { signal });
}
