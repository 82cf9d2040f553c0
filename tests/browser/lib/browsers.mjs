// Debian's Chromium and Firefox, headless, with a fake camera and microphone.
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

/** Chromium: browser.newContext() gives each peer a profile of its own. */
export const launchChromium = (executablePath = '/usr/bin/chromium') =>
  chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', // the tests run as root, in namespaces of their own
      '--disable-gpu',
      '--use-fake-device-for-media-stream=fps=15',
      '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
      // Nobody looks at these pages, and yet none may be slowed down.
      '--disable-background-timer-throttling',
      '--disable-renderer-backgrounding',
      '--disable-backgrounding-occluded-windows',
      // Nothing but the test's own traffic.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
      '--no-first-run',
    ],
  });

export const launchFirefox = () =>
  puppeteer.launch({
    browser: 'firefox',
    executablePath: '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
      'media.gmp-manager.updateEnabled': false,
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
      'app.normandy.enabled': false,
      'datareporting.policy.dataSubmissionEnabled': false,
    },
  });

/** A page in a context of its own, whatever the browser; its console goes to `lines`. */
export async function openPage(browser, address, lines = []) {
  const context = await (browser.newContext?.() ?? browser.createBrowserContext());
  const page = await context.newPage();
  page.on('console', (message) => lines.push(message.text()));
  page.on('pageerror', (error) => lines.push(`error: ${error.message}`));
  await page.goto(address);
  page.lines = lines;
  return page;
}
