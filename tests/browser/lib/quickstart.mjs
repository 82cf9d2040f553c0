// Runs ./quickstart --no-setup for a browser test, inside the namespaces that tests/lib/isolate made.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { artifacts, until } from './cases.mjs';

const root = new URL('../../..', import.meta.url).pathname;
export const url = 'http://localhost:7880';

export class Quickstart {
  constructor(...more) {
    this.stateDir = mkdtempSync('/tmp/sluice-test-');
    this.output = '';
    this.process = spawn(join(root, 'quickstart'), ['--no-setup', '--state-dir', this.stateDir, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => this.process.on('exit', (code) => resolve((this.code = code ?? -1))));
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on('data', (data) => (this.output += data));
  }

  static async start(...more) {
    const sluice = new Quickstart(...more);
    await until(() => /^ready http/m.test(sluice.output) || sluice.code !== undefined, 30, 'ready').catch(() => {});
    if (!/^ready http/m.test(sluice.output)) {
      await sluice.stop();
      throw new Error(`quickstart is not ready:\n${sluice.output}`);
    }
    return sluice;
  }

  get planes() {
    return JSON.parse(readFileSync(join(this.stateDir, 'pids.json'), 'utf8')).planes;
  }

  kill(plane, signal = 'SIGKILL') {
    process.kill(this.planes[plane].pid, signal);
  }

  /** Stops it; the log stays in artifacts/logs. */
  async stop() {
    if (this.code === undefined) this.process.kill('SIGTERM');
    await this.ended;
    mkdirSync(join(artifacts, 'logs'), { recursive: true });
    appendFileSync(join(artifacts, 'logs', `${basename(process.argv[1])}.sluice.log`), this.output);
    rmSync(this.stateDir, { recursive: true, force: true });
    return this.code;
  }
}
