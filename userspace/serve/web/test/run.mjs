// SPDX-License-Identifier: Apache-2.0
// Bundles the tests with the modules they are about, which plain node cannot read, and runs them.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = await mkdtemp(join(tmpdir(), 'exoprof-page-'));
const tests = (await readdir(here)).filter((name) => name.endsWith('.test.mjs'));

try {
	await build({
		entryPoints: tests.map((name) => join(here, name)),
		outdir: out,
		outExtension: { '.js': '.mjs' },
		bundle: true,
		platform: 'node',
		format: 'esm',
		target: 'node18',
		logLevel: 'warning',
	});
	const files = tests.map((name) => join(out, name));
	const { status } = spawnSync(process.execPath, ['--test', ...files], { stdio: 'inherit' });
	process.exitCode = status ?? 1;
} finally {
	await rm(out, { recursive: true });
}
