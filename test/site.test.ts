/** The site as `npm run site` builds it, which fails on dead links; here in a browser. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../src/index.js';
import { CHROMIUM, whyNoBrowser } from './support/chromium.js';
import { execute } from './support/program.js';
import { serve } from './support/serve.js';

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const reason = whyNoBrowser();

describe.skipIf(reason !== '')(`the site${reason && ` (skipped: ${reason})`}`, () => {
  let server: Awaited<ReturnType<typeof serve>>;
  let browser: Browser;

  beforeAll(async () => {
    const { code, stderr } = await execute(process.execPath, [file('scripts/site/build.mjs'), '--no-demo']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    server = await serve(file('build/site'));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it.each([
    ['index.html', 1280, 'light'],
    ['algorithms.html', 390, 'dark'],
    ['formats.html', 390, 'light'],
  ] as const)('%s fits %d pixels and pleases axe, %s', async (name, width, colorScheme) => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    await page.goto(server.address + name);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await page.addScriptTag({ path: AXE });
    const violations = await page.evaluate(
      `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html))`,
    );
    expect(violations).toEqual([]);
    await page.close();
  });

  it('finds sections by their words, and goes there', async () => {
    const page = await browser.newPage();
    await page.goto(server.address);
    await page.keyboard.press('/');
    await page.keyboard.type('device lost');
    await page.locator('#found a').first().waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/errors\.html#device_lost$/);
    await page.close();
  });

  it('explains every error', () => {
    const errors = readFileSync(file('build/site/errors.html'), 'utf8');
    for (const code of ERROR_CODES) expect(errors).toContain(`<h2 id="${code.toLowerCase()}">`);
  });
});
