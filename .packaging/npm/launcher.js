#!/usr/bin/env node
// Starts the program of this platform, which is in a package of its own.
'use strict';
const { spawn } = require('node:child_process');

const { platform, arch } = process;
const name = `@chainwright/${platform}-${arch}`;
let program;
try {
  program = require.resolve(`${name}/bin/chainwright${platform === 'win32' ? '.exe' : ''}`);
} catch {
  console.error(`chainwright: the package ${name} is not installed: there is none for this platform, or npm left out optional packages.
Install without --omit=optional, or see https://github.com/chainwright/chainwright/blob/main/docs/install.md`);
  process.exit(1);
}
const child = spawn(program, process.argv.slice(2), { stdio: 'inherit', windowsHide: true });
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
// A terminal sends SIGINT to both processes.
for (const signal of signals) process.on(signal, () => signal === 'SIGINT' && process.stdin.isTTY || child.kill(signal));
child.on('error', (error) => { console.error(`chainwright: ${error.message}`); process.exit(1); });
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code);
  for (const each of signals) process.removeAllListeners(each);
  process.kill(process.pid, signal);
});
