// The page itself: what its publisher and viewer make of codecs and layers, and whether people can read and use it.
import { assert, figure, run, sleep, until } from './lib/cases.mjs';
import { Quickstart, url } from './lib/quickstart.mjs';
import { launchChromium, openPage } from './lib/browsers.mjs';
import { picture, press, received } from './lib/media.mjs';

const sluice = await Quickstart.start();
const browser = await launchChromium();

const address = (room, more = '') => `${url}/?room=${room}&width=640&height=360&fps=15${more}`;
const error = (page) => page.evaluate(() => (document.querySelector('#error').hidden ? '' : document.querySelector('#error').textContent));
const frames = async (page) => (await received(page)).video.framesDecoded;
const close = (...pages) => Promise.all(pages.map((page) => page.context().close()));

/** In a page: visible texts whose contrast with what is behind them is below WCAG's 4.5, and controls without a name. */
const unreadable = (page) => page.evaluate(() => {
  const channels = (text) => text.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!element.checkVisibility() || (element.disabled ?? false)) continue;
    if (hasText) {
      const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))].sort((x, y) => y - x);
      const contrast = (a + 0.05) / (b + 0.05);
      if (contrast < 4.5) found.push(`${element.tagName} "${element.textContent.trim().slice(0, 30)}" has a contrast of ${contrast.toFixed(2)}`);
    }
    const isControl = element.matches('button, input, a, video');
    if (isControl && !(element.textContent.trim() || element.labels?.length || element.ariaLabel)) found.push(`${element.tagName} #${element.id} has no name`);
  }
  return found;
});

await run({
  'no common codec is an event and a message, until there is one': async () => {
    const vp9 = await openPage(browser, address('codecs', '&codec=VP9&only=1'));
    const vp8 = await openPage(browser, address('codecs', '&codec=VP8&only=1'));
    await press(vp8, 'watch'); // it comes first: the answer accepts what may be published later
    await press(vp9, 'publish');
    await until(async () => /no common codec.*VP9/i.test(await error(vp8)), 10, 'the message on the page');
    await until(async () => /no common codec/i.test(await vp8.evaluate(() => document.querySelector('#events').textContent)), 5, 'the event on the page');
    const totals = await received(vp8);
    assert.equal(totals.video.packetsReceived, 0);
    assert.ok(totals.audio.packetsReceived > 0, 'the sound has a common codec, and does not come');
    await vp9.evaluate(() => sluice.stop());
    const other = await openPage(browser, address('codecs', '&codec=VP8&only=1'));
    await press(other, 'publish');
    await until(async () => (await frames(vp8)) > 10, 15, 'the picture of a publisher with a common codec');
    await until(async () => (await error(vp8)) === '', 5, 'the message goes away');
    assert.equal(await vp8.evaluate(() => sluice.sessions.watch.connections), 1, 'without another negotiation');
    await close(vp9, vp8, other);
  },
  'of a simulcast publisher the highest live layer up to 720p is watched': async () => {
    const publisher = await openPage(browser, `${url}/?room=layers&width=1920&height=1080&fps=15&simulcast=1&codec=VP8`);
    const viewer = await openPage(browser, `${url}/?room=layers`);
    await press(publisher, 'publish');
    await press(viewer, 'watch');
    const sent = () => publisher.evaluate(async () => {
      const rows = [...(await sluice.sessions.publish.peer.getStats()).values()];
      return Object.fromEntries(rows.filter((row) => row.type === 'outbound-rtp' && row.rid).map((row) => [row.rid, { height: row.frameHeight, frames: row.framesSent }]));
    });
    // Chromium adds the layers as its estimate of the way grows.
    await until(async () => (await sent()).f?.frames > 10, 90, 'the publisher sends 1080 lines').catch(async (late) => {
      throw new Error(`${late.message}: ${JSON.stringify(await sent())}`);
    });
    figure('layers sent', JSON.stringify(await sent()));
    const height = async () => (await received(viewer)).video.height;
    await until(async () => (await height()) === 540, 15, 'the viewer sees 540 lines');
    await sleep(2000);
    assert.equal(await height(), 540, '1080 lines are more than 720');
    const active = (rid, value) => publisher.evaluate(async ([name, on]) => {
      const sender = sluice.sessions.publish.peer.getSenders().find((one) => one.track.kind === 'video');
      const parameters = sender.getParameters();
      parameters.encodings.find((encoding) => encoding.rid === name).active = on;
      await sender.setParameters(parameters);
    }, [rid, value]);
    await active('h', false);
    await until(async () => (await height()) === 270, 20, 'the layer below, when that one dies');
    await active('h', true);
    await until(async () => (await height()) === 540, 30, 'the higher one again, when it lives');
    assert.ok((await picture(viewer)).deviation > 5, 'no picture');
    // The figures are drawn once a second.
    await until(() => viewer.evaluate(() => /layer h/.test(document.querySelector('#tracks').textContent)), 10, 'the page names the layer');
    await close(publisher, viewer);
  },
  'a refusal says why, and stays': async () => {
    const page = await openPage(browser, address('refused', '&token=nonsense'));
    await page.evaluate(() => sluice.watch().catch(() => {}));
    await until(async () => /401.*token/i.test(await error(page)), 5, 'the reason on the page');
    assert.equal(await page.evaluate(() => sluice.state), 'failed');
    await sleep(1500);
    assert.match(await error(page), /401/);
    await close(page);
  },
  'nothing that the page needs is refused by its own policy': async () => {
    const page = await openPage(browser, address('policy'));
    await press(page, 'publish');
    const answer = await page.evaluate(async () => Object.fromEntries((await fetch('/')).headers));
    assert.match(answer['content-security-policy'], /default-src 'none'/);
    assert.doesNotMatch(answer['content-security-policy'], /unsafe/);
    const inline = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      document.body.append(script);
      return window.injected === true;
    });
    assert.equal(inline, false, 'an inline script ran');
    const complaints = page.lines.filter((line) => /Content.Security.Policy/i.test(line));
    assert.equal(complaints.length, 1, complaints.join('\n')); // that of the inline script
    await close(page);
  },
  'keyboard alone publishes, watches and stops': async () => {
    const page = await openPage(browser, address('keys'));
    const focus = async (id) => {
      for (let i = 0; i < 15; ++i) {
        if (await page.evaluate((wanted) => document.activeElement?.id === wanted, id)) return;
        await page.keyboard.press('Tab');
      }
      throw new Error(`Tab does not reach #${id}`);
    };
    await focus('publish-camera');
    await page.keyboard.press('Enter');
    await until(() => page.evaluate(() => sluice.state === 'connected'), 10, 'published');
    await page.evaluate(() => document.activeElement.blur());
    await focus('watch');
    await page.keyboard.press('Space');
    await until(async () => (await frames(page)) > 5, 10, 'watched');
    await page.evaluate(() => document.activeElement.blur());
    await focus('stop');
    await page.keyboard.press('Enter');
    await until(() => page.evaluate(() => sluice.state === 'idle'), 5, 'stopped');
    await close(page);
  },
  'a screen is published and watched, until its owner ends the sharing': async () => {
    const publisher = await openPage(browser, address('screen'));
    const viewer = await openPage(browser, address('screen'));
    await publisher.click('#publish-screen');
    await press(viewer, 'watch');
    await until(async () => (await frames(viewer)) > 10, 15, 'the picture');
    const track = (what) => publisher.evaluate((name) => {
      const { track: video } = sluice.sessions.publish.peer.getSenders().find((sender) => sender.track?.kind === 'video');
      if (name === 'surface') return video.getSettings().displaySurface;
      return video.stop() ?? video.dispatchEvent(new Event('ended')); // as the browser's own "Stop sharing" does
    }, what);
    assert.ok(await track('surface'), 'that is no screen');
    assert.ok((await picture(viewer)).deviation > 5, 'no picture');
    await track('end');
    await until(() => publisher.evaluate(() => sluice.state === 'idle'), 5, 'stopped');
    await close(publisher, viewer);
  },
  'light, dark and on a phone, every text can be read and nothing is cut off': async () => {
    const publisher = await openPage(browser, address('look'));
    await press(publisher, 'publish');
    for (const [name, options] of Object.entries({
      light: { colorScheme: 'light' },
      dark: { colorScheme: 'dark' },
      phone: { viewport: { width: 360, height: 740 }, isMobile: true },
    })) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      await page.goto(address('look'));
      await press(page, 'watch');
      await until(() => page.evaluate(() => /kbit/.test(document.querySelector('#tiles').textContent)), 10, 'figures');
      await page.evaluate(() => { document.querySelector('#error').hidden = false; document.querySelector('#error').textContent = 'An error.'; });
      assert.deepEqual(await unreadable(page), [], name);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: wider than the window`);
      await context.close();
    }
    await close(publisher);
  },
}, async () => {
  await browser.close();
  await sluice.stop();
});
