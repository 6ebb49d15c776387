// SPDX-License-Identifier: Apache-2.0
// Bundles the tests with the modules they are about, which plain node cannot read, and runs them.
// Arguments are node's own, such as --test-reporter=tap.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = await mkdtemp(join(tmpdir(), 'exoprof-page-'));
const outfile = join(out, 'tests.mjs');
const tests = (await readdir(here)).filter((name) => name.endsWith('.test.mjs')).sort();

try {
	// One program: where each file is one of its own, node 18 counts files and node 20 tests.
	await build({
		stdin: {
			contents: tests.map((name) => `import './${name}';`).join('\n'),
			resolveDir: here,
		},
		outfile,
		bundle: true,
		platform: 'node',
		format: 'esm',
		target: 'node18',
		logLevel: 'warning',
	});
	const { status } = spawnSync(process.execPath, [...process.argv.slice(2), outfile], {
		stdio: 'inherit',
	});
	process.exitCode = status ?? 1;
} finally {
	await rm(out, { recursive: true });
}
