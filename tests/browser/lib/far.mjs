// A host in a network namespace of its own, behind an emulated link (tests/linkem): far0 there, near0 here, this side routes.
// The page is relayed to its http://localhost:7880, so that only media crosses the bad link.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { launchChromium } from './browsers.mjs';

const root = new URL('../../..', import.meta.url).pathname;
const build = process.env.SLUICE_BUILD_DIR ?? 'build';
const linkem = join(isAbsolute(build) ? build : join(root, build), 'tests/linkem/linkem');
const netns = '/run/netns/far';

const sh = (command) => execFileSync('bash', ['-euc', command], { stdio: ['ignore', 'ignore', 'inherit'] });

/** Starts a program and resolves when it prints "ready". */
function startReady(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.output = '';
  child.ended = new Promise((resolve) => child.on('exit', resolve));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`${command} ended with ${code}`)));
    child.stdout.on('data', (data) => {
      child.output += data;
      if (/^ready$/m.test(child.output)) resolve(child);
    });
  });
}

export class FarHost {
  /** toFar and fromFar: "loss=5,delay=50", see linkem --help. */
  static async start(toFar, fromFar) {
    const host = new FarHost();
    sh('ip netns add far; ip -n far link set lo up');
    host.link = await startReady(linkem, ['--a', 'near0', '--b', 'far0', '--b-netns', netns, '--ab', toFar, '--ba', fromFar]);
    sh(`ip address add 10.78.0.1/24 dev near0; ip link set near0 up; sysctl -qw net.ipv4.ip_forward=1
        ip -n far address add 10.78.0.2/24 dev far0; ip -n far link set far0 up; ip -n far route add default via 10.78.0.1`);
    host.relay = await startReady('python3', [join(root, 'tests/lib/relay.py'), netns, '7880']);
    return host;
  }

  launchChromium() {
    const wrapper = '/run/chromium-far';
    writeFileSync(wrapper, `#!/bin/sh\nexec nsenter --net=${netns} /usr/bin/chromium "$@"\n`);
    chmodSync(wrapper, 0o755);
    return launchChromium(wrapper);
  }

  /** Takes the link away; resolves with its counters. */
  async stop() {
    this.relay.kill();
    this.link.kill();
    await this.link.ended;
    sh('ip netns delete far');
    return JSON.parse(this.link.output.split('\n').filter((line) => line.startsWith('{')).pop());
  }
}
