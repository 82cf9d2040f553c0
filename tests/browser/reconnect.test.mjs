// Planes die while browsers publish and watch: media is back without a click.
import { assert, figure, quick, run, sleep, until } from './lib/cases.mjs';
import { Quickstart, url } from './lib/quickstart.mjs';
import { launchChromium, launchFirefox, openPage } from './lib/browsers.mjs';
import { press, received } from './lib/media.mjs';

const target = 3; // seconds until the media is back; times are reported, and fail beyond five times the target
const kills = quick ? 2 : 4;
const room = `${url}/?room=lives&width=640&height=360&fps=15`;

const sluice = await Quickstart.start();
const browser = await launchChromium();
const firefox = await launchFirefox();
const publisher = await openPage(browser, room);
const viewers = { Chromium: await openPage(browser, room), Firefox: await openPage(firefox, room) };
const pages = { publisher, ...viewers };

const frames = async (page) => (await received(page)).video.framesDecoded;
const connections = (page, role) => page.evaluate((name) => sluice.sessions[name].connections, role);

/** Seconds from now until each viewer has decoded ten more frames than it has when `isBack()` is true for the first time. */
async function untilPictures(isBack) {
  const began = performance.now();
  await until(isBack, 20, 'the planes are started again');
  return Object.fromEntries(await Promise.all(Object.entries(viewers).map(async ([name, page]) => {
    let before = await frames(page);
    await until(async () => {
      const now = await frames(page);
      if (now < before) before = now; // another peer connection counts from zero
      return now >= before + 10;
    }, 5 * target, `pictures in ${name} again`);
    return [name, (performance.now() - began) / 1000];
  })));
}

const restarted = (planes) => {
  const before = Object.fromEntries(planes.map((plane) => [plane, sluice.planes[plane].starts]));
  return () => planes.every((plane) => sluice.planes[plane].starts > before[plane] && sluice.planes[plane].pid);
};

const report = (what, times) =>
  figure(what, Object.entries(times).map(([name, seconds]) => `${name} ${seconds.toFixed(2)} s${seconds > target ? ' (over the target)' : ''}`).join(', '));

await run({
  'Chromium publishes, Chromium and Firefox watch': async () => {
    await press(publisher, 'publish');
    for (const page of Object.values(viewers)) await press(page, 'watch');
    for (const page of Object.values(viewers)) await until(async () => (await frames(page)) > 10, 20, 'the first pictures');
  },
  'a killed data plane: the same sessions go on': async () => {
    for (let kill = 0; kill < kills; ++kill) {
      const isBack = restarted(['dataplane']);
      sluice.kill('dataplane');
      report(`data plane killed, pictures again after`, await untilPictures(isBack));
      await sleep(500 + 700 * kill);
    }
    for (const [name, page] of Object.entries(pages)) {
      assert.equal(await connections(page, name === 'publisher' ? 'publish' : 'watch'), 1, `${name} had to join again`);
      assert.equal(await page.evaluate(() => sluice.state), 'connected');
    }
  },
  'a killed control plane: nobody loses a packet or joins again': async () => {
    const before = await received(viewers.Chromium);
    const isBack = restarted(['controlplane']);
    sluice.kill('controlplane');
    await until(isBack, 10, 'the control plane is started again');
    await sleep(4000);
    const after = await received(viewers.Chromium);
    assert.equal(after.video.packetsLost, before.video.packetsLost);
    assert.ok(after.video.framesDecoded - before.video.framesDecoded > 30, 'the picture stopped');
    for (const [name, page] of Object.entries(pages)) assert.equal(await connections(page, name === 'publisher' ? 'publish' : 'watch'), 1);
    await until(async () => (await viewers.Chromium.evaluate(() => document.querySelector('#viewers').textContent)) === '2', 5, 'the viewer count is 2');
  },
  'both planes killed: the pages join again by themselves': async () => {
    const isBack = restarted(['dataplane', 'controlplane']);
    sluice.kill('dataplane');
    sluice.kill('controlplane');
    // From the moment when both run: the pages ask once a second.
    report('both planes killed, pictures again after', await untilPictures(async () => isBack() && (await connections(publisher, 'publish')) === 2));
    for (const page of Object.values(viewers)) assert.equal(await connections(page, 'watch'), 2);
    for (const page of Object.values(pages)) assert.equal(await page.evaluate(() => sluice.error), '');
  },
  'figures that are asked for while a connection closes do not stop those that come after': async () => {
    for (const [name, page] of Object.entries(viewers)) {
      const outcome = await page.evaluate(async () => {
        const asked = sluice.stats().then(() => 'answered', () => 'refused');
        sluice.sessions.watch.peer.close();
        return Promise.race([asked, new Promise((done) => setTimeout(() => done('neither'), 5000))]);
      });
      assert.notEqual(outcome, 'neither', `${name} is still waited for`);
    }
  },
}, async () => {
  for (const [name, page] of Object.entries(pages)) if (page.lines.length) console.log(`console of ${name}:`, page.lines.slice(-5).join('\n'));
  await firefox.close();
  await browser.close();
  await sluice.stop();
});
