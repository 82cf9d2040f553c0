// The runner of the browser tests: test cases in order, each with a time limit, and the summary line that ./check reads.
import assert from 'node:assert/strict';

export { assert };
export const quick = process.env.SLUICE_QUICK === '1';
export const artifacts = process.env.SLUICE_ARTIFACTS ?? new URL('../../../artifacts', import.meta.url).pathname;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks every 50 ms until `condition` gives something truthy, and resolves with it. */
export async function until(condition, seconds, what) {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(50);
  }
}

/** A measured value that the run reports and nothing fails by. */
export const figure = (name, value) => console.log(`figure ${name}: ${value}`);

export class Skip extends Error {}

/** Runs { 'a statement': async () => {…} } in order; ends the process with the summary. `cleanup` runs in any case. */
export async function run(cases, cleanup = async () => {}) {
  if (process.env.SLUICE_ISOLATED !== '1') {
    console.error(`run it as tests/lib/isolate node ${process.argv[1]}: browsers chatter to the default interface`);
    process.exit(2);
  }
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, body] of Object.entries(cases)) {
    let timer;
    const limit = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('took longer than 180 s')), 180_000)));
    try {
      await Promise.race([body(), limit]);
      count.passed += 1;
      console.log(`ok ${name}`);
    } catch (error) {
      if (error instanceof Skip) {
        count.skipped += 1;
        console.log(`skipped ${name}: ${error.message}`);
      } else {
        count.failed += 1;
        // A lost browser puts its whole log into the message.
        const where = error.stack.split('\n').filter((line) => line.startsWith('    at ')).slice(0, 6);
        console.log(`not ok ${name}\n${[...error.message.split('\n').slice(0, 12), ...where].join('\n').replace(/^/gm, '    ')}`);
      }
    }
    clearTimeout(timer);
  }
  await Promise.race([cleanup().catch((error) => console.log(`cleaning up: ${error.message}`)), sleep(30_000)]);
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  process.exit(count.failed ? 1 : 0);
}
