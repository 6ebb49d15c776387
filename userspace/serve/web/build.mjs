// SPDX-License-Identifier: Apache-2.0
// Makes the page's three files in the folder that OUT names.
import { copyFile, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(here, process.env.OUT || '../../../build/web');

await mkdir(out, { recursive: true });
await build({
	absWorkingDir: here,
	entryPoints: [
		{ in: 'src/main.ts', out: 'page' },
		{ in: 'src/page.css', out: 'page' },
	],
	outdir: out,
	bundle: true,
	minify: true,
	target: 'es2022',
	format: 'iife',
	charset: 'utf8',
	legalComments: 'inline',
	logLevel: 'warning',
});
await copyFile(join(here, 'src/index.html'), join(out, 'index.html'));
