#!/usr/bin/env node
// The program is built into dist/. This file is there before that, so that a package manager can link it at any time.
import { existsSync } from 'node:fs';

const program = new URL('../dist/src/cli/main.js', import.meta.url);
if (existsSync(program)) {
  await import(program.href);
} else {
  process.stderr.write(
    'stig: error [NOT_BUILT] The program is not built yet. Run: npm run build\n',
  );
  process.exitCode = 2;
}
