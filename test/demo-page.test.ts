/**
 * The page of examples/browser in headless Chromium, as it is built: reconstructions on both backends, files, the buttons,
 * a lost GPU, and what people see who use a keyboard, a screen reader or a phone. Leaves pictures of it in build/screenshots/.
 */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeComplexNpy, encodeNpy } from '../src/formats/index.js';
import { fftshift, simulate } from '../src/index.js';
import { CHROMIUM, FLAGS, whyNoBrowser } from './support/chromium.js';
import { noise } from './support/images.js';
import { serve } from './support/serve.js';

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const PAGE = file('build/demo-page');
const SCREENSHOTS = file('build/screenshots');
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** Small and quick. */
const SMALL = 'size=64&pace=fast';
const SHORT = `${SMALL}&recipe=own&chain=hio:0.7*90+er*10&repeat=1`;
/** A GPU in software compiles less for it. */
const TINY = 'size=16&pace=fast';
/** Long enough to be interrupted. */
const LONG = `${SMALL}&recipe=own&chain=hio:0.7*1000000&repeat=1`;

const LOOKS = [
  [1280, 'light'],
  [1280, 'dark'],
  [390, 'light'],
  [390, 'dark'],
] as const;

const reason = whyNoBrowser();

/** Machines may be slow, and GPUs in software are. */
const poll = <T>(value: () => T) => expect.poll(value, { timeout: 60_000 });

describe.skipIf(reason !== '')(`the page${reason && ` (skipped: ${reason})`}`, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof serve>>;
  let page: Page;
  /** What it said on the console, and requests that went elsewhere. */
  const complaints: string[] = [];

  beforeAll(async () => {
    await build({ configFile: file('examples/browser/vite.config.js'), logLevel: 'warn' });
    server = await serve(PAGE);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    mkdirSync(SCREENSHOTS, { recursive: true });
    page = await open(SHORT);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** `prelude`: what runs in the worker before its program. */
  async function open(settings: string, prelude = ''): Promise<Page> {
    const opened = await browser.newPage();
    opened.setDefaultTimeout(240_000);
    await opened.route(/worker-[^/]*\.js$/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: prelude + (await response.text()) });
    });
    opened.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    opened.on('pageerror', (error) => complaints.push(String(error)));
    opened.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(server.address))
        complaints.push(request.url());
    });
    await opened.goto(`${server.address}#${settings}`);
    return opened;
  }

  /** The page, with other settings. */
  async function settings(text: string): Promise<void> {
    await page.evaluate((hash) => {
      // What the last run left here must not be taken for what the next one does.
      document.body.dataset.state = 'asked';
      location.hash = hash;
    }, text);
  }

  /** At two widths and in both themes: fits, pleases axe, and leaves a picture. */
  async function looksGood(name: string): Promise<void> {
    const size = page.viewportSize()!;
    for (const [width, colorScheme] of LOOKS) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      await poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.addScriptTag({ path: AXE });
      const violations = await page.evaluate(
        `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html))`,
      );
      expect(violations, `${name}, ${width} pixels, ${colorScheme}`).toEqual([]);
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
    await page.setViewportSize(size);
  }

  const text = async (id: string) => (await page.locator(`#${id}`).textContent())!;
  /** With what came before it on the screen. */
  const state = async (name: string) => {
    await page.locator(`body[data-state=${name}]`).waitFor();
    await page.evaluate(() => new Promise(requestAnimationFrame));
  };
  const iteration = async () => Number.parseInt(await text('iteration'));
  const choose = (name: string, content: Uint8Array, mimeType = '') =>
    page.locator('#file').setInputFiles({ name, mimeType, buffer: Buffer.from(content) });
  const finished = () => state('finished');
  /** Clicks within the page, which does not wait for the test, as soon as an element has this text. */
  const clickAt = (button: string, element: string, label: string) =>
    page.evaluate(
      ([button, element, label]) => {
        const [clicked, watched] = [button, element].map((id) => document.getElementById(id)!);
        const observer = new MutationObserver(() => {
          if (watched.textContent !== label) return;
          observer.disconnect();
          clicked.click();
        });
        observer.observe(watched, { childList: true, characterData: true, subtree: true });
      },
      [button, element, label],
    );

  it('downloads at most 300 KB of JavaScript to begin with', () => {
    const first = readdirSync(join(PAGE, 'assets')).filter((name) => /^(index|worker)-.*\.js$/.test(name));
    expect(first).toHaveLength(2);
    const bytes = first.map((name) => gzipSync(readFileSync(join(PAGE, 'assets', name))).length);
    expect(bytes[0] + bytes[1]).toBeLessThan(300_000);
  });

  it.each([
    ['wasm', 8],
    ['webgpu', 20],
  ])('finds the photograph of the example on %s, to %d %', async (backend, most) => {
    await settings(`${SHORT}&repeat=${backend === 'wasm' ? 4 : 1}&backend=${backend}`);
    await finished();
    expect((await text('place')).toLowerCase()).toBe(backend);
    expect(Number.parseFloat(await text('error'))).toBeLessThan(most);
  });

  it('says why WASM computes where the choice is left to it', async () => {
    await settings(SHORT);
    await finished();
    expect(await text('place')).toBe('WASM');
    expect(await text('why')).toMatch(/; (no WebGPU: |WebGPU is only emulated)/);
  });

  it('reconstructs the example of a scan', async () => {
    await settings('example=scan&pace=fast&scanIterations=40');
    await finished();
    expect(Number.parseFloat(await text('error'))).toBeLessThan(10);
    const drawn = page.locator('#pattern canvas');
    await page.selectOption('#spectrum-view', 'measured');
    await poll(() => text('spectrum-name')).toBe('Pattern');
    await page.selectOption('#spectrum-view', 'probe-phase');
    await poll(() => text('spectrum-name')).toBe('Probe');
    expect(await drawn.getAttribute('aria-label')).toBe('Probe; arrow keys read values');
    await looksGood('scan');
  });

  it('finds amplitude and phase of a complex object', async () => {
    await settings(`${SMALL}&example=complex&recipe=quick`);
    await state('running');
    await poll(() => text('chain-text')).toMatch(
      /^4 starts · 2 generations of hio:0\.7\*\d+\+er\*\d+ · 100 steps of refining$/,
    );
    await page.selectOption('#object-view', 'amplitude');
    await finished();
    expect(Number.parseFloat(await text('error'))).toBeLessThan(10);
    // The phase has colours of its own.
    expect(await page.isDisabled('#map')).toBe(false);
    await page.selectOption('#object-view', 'phase');
    await poll(() => page.isDisabled('#map')).toBe(true);
    await page.locator('#object canvas').hover();
    await poll(() => page.locator('#object output').textContent()).toMatch(/^pixel \d+, \d+: -?\d/);
    const [saved] = await Promise.all([page.waitForEvent('download'), page.click('#save-array')]);
    const { data, shape } = decodeComplexNpy(readFileSync(await saved.path()));
    expect([data.length, ...shape]).toEqual([2 * 128 ** 2, 128, 128]);
    await looksGood('complex');
  });

  it('shows what it is before any of its JavaScript runs', async () => {
    const quiet = await browser.newContext({ javaScriptEnabled: false });
    const opened = await quiet.newPage();
    await opened.goto(server.address);
    for (const name of ['Pattern', 'Image', 'Original'].map((word) => new RegExp(`^\\s*${word}\\b`))) {
      expect(await opened.locator('figure', { hasText: name }).isVisible()).toBe(true);
    }
    expect(await opened.locator('noscript').textContent()).toContain('JavaScript computes the image');
    await quiet.close();
  });

  it('begins before backends are tested, and goes on with WebGPU once it has passed', async () => {
    // The test of WebGPU waits for this one, and its software looks like hardware.
    const waiting = await open(
      TINY,
      `const allowed = new Promise((resolve) => { globalThis.go = resolve; });
       const request = navigator.gpu.requestAdapter;
       navigator.gpu.requestAdapter = async function (options) {
         await allowed;
         return request.call(navigator.gpu, options);
       };
       Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });
       for (const name of ['vendor', 'architecture', 'device', 'description']) {
         Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => 'fast' });
       }`,
    );
    const read = (id: string) => waiting.locator(`#${id}`).textContent();
    await poll(async () => Number(await read('iteration'))).toBeGreaterThan(20);
    expect([await read('place'), await read('chain-text')]).toEqual(['WASM', '']);
    expect(await read('why')).toContain('while WebGPU is being tested');
    await waiting.workers()[0].evaluate('go()');
    await poll(() => read('place')).toBe('WebGPU');
    expect(await read('why')).toContain('the fastest that works here');
    await poll(() => read('chain-text')).toMatch(/^8 starts · 4 generations of hio/);
    const moved = Number.parseInt((await read('iteration'))!);
    await poll(async () => Number.parseInt((await read('iteration'))!)).toBeGreaterThan(moved);
    await waiting.close();
  });

  it('follows the automatic recipe: generations of starts, their average, refined', async () => {
    await settings(`${SMALL}&recipe=quick&backend=wasm`);
    await poll(() => text('chain-text')).toMatch(
      /^4 starts · 2 generations of hio:0\.7\*\d+\+er\*\d+ · 100 steps of refining$/,
    );
    await clickAt('play', 'within', 'generation 2 of 2');
    await state('paused');
    await clickAt('play', 'algorithm', 'refining');
    await page.click('#play');
    await poll(() => text('algorithm')).toBe('refining');
    await state('paused');
    const paused = await iteration();
    await page.click('#step');
    await poll(iteration).toBe(paused + 1);
    await page.click('#kernel');
    await poll(iteration).toBe(paused + 2);
    const of = Number((await text('iteration')).split(' of ')[1]);
    await page.click('#play');
    await finished();
    expect(await iteration()).toBe(of);
    expect(Number.parseFloat(await text('error'))).toBeLessThan(6);
    // An iteration more begins with the image, and to go on is another generation.
    await page.click('#step');
    await poll(iteration).toBe(of + 1);
    expect(Number.parseFloat(await text('error'))).toBeLessThan(6);
    await page.click('#play');
    await poll(iteration).toBeGreaterThan(of + 100);
    await finished();
    expect(Number.parseFloat(await text('error'))).toBeLessThan(6);
  });

  it('pauses, does one iteration and one kernel, resumes and stops', async () => {
    await settings(LONG);
    await state('running');
    await page.click('#play');
    await state('paused');
    const paused = await iteration();
    expect(paused).toBeGreaterThan(0);
    await page.click('#step');
    await poll(iteration).toBe(paused + 1);
    await page.click('#kernel');
    await poll(() => text('within')).toBe('next: constrainObject');
    expect(await text('algorithm')).toBe('hio');
    expect(await iteration()).toBe(paused + 1);
    await page.click('#play');
    await state('running');
    await poll(iteration).toBeGreaterThan(paused + 1);
    await page.click('#stop');
    await poll(iteration).toBe(0);
    expect(await text('play')).toBe('Start');
    await looksGood('stopped');
  });

  it('takes a pattern that is dropped, and says what it sees in it', async () => {
    const image = noise(48 * 40, 2);
    const { magnitudes, shape } = await simulate({ image, shape: [48, 40], photons: 1e8 });
    const counts = fftshift(magnitudes, shape).map((magnitude) => magnitude ** 2);
    const bytes = [...encodeNpy(counts, shape)];
    await page.evaluate((content) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(content)], 'counts.npy'));
      document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, dataTransfer: data }));
    }, bytes);
    await poll(() => text('title')).toBe('counts.npy');
    expect(await text('findings-list')).toContain('taken for intensities, zero frequency in the middle');
    await poll(iteration).toBeGreaterThan(0);
    // Nothing is known to compare with.
    expect(await page.locator('#truth').isVisible()).toBe(false);
    await looksGood('dropped');
  });

  it('takes a photograph for a photograph', async () => {
    await choose('real-77.jpg', readFileSync(file('test/fixtures/real-77.jpg')), 'image/jpeg');
    await poll(() => text('title')).toBe('real-77.jpg');
    expect(await page.locator('#truth').isVisible()).toBe(true);
  });

  it('takes a scan for a scan', async () => {
    await choose('scan.cxi', readFileSync(file('test/fixtures/scan-cdtools.h5')));
    await poll(() => text('title')).toBe('scan.cxi');
    expect(await text('findings-list')).toBe('5 patterns of 4×6 pixels');
    await poll(iteration).toBeGreaterThan(0);
  });

  it('says what is wrong with a file, and keeps what is open', async () => {
    await choose('notes.txt', new TextEncoder().encode('no pattern at all'));
    await poll(() => text('failure')).toContain('not an .npy, PNG, TIFF or HDF5 file: it is text that begins');
    expect(await text('title')).toBe('scan.cxi');
    await looksGood('failed');
    await page.click('#step');
  });

  it('goes on with WASM when the GPU is lost', async () => {
    const usual = page;
    page = await open(`${SHORT}&backend=wasm`);
    await finished();
    const [worker] = page.workers();
    // The devices of this page, which has none yet, become known to the test.
    await worker.evaluate(`
      globalThis.devices = [];
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...options) {
        const device = await request.apply(this, options);
        devices.push(device);
        return device;
      };
      undefined`);
    await settings(`${LONG}&${TINY}&backend=webgpu`);
    await poll(() => text('place')).toBe('WebGPU');
    await poll(iteration).toBeGreaterThan(0);
    await worker.evaluate('devices.forEach((device) => device.destroy())');
    await poll(() => text('notices')).toContain('The GPU was lost, and WASM goes on from the last image');
    await poll(() => text('place')).toBe('WASM');
    const moved = await iteration();
    await poll(iteration).toBeGreaterThan(moved);
    await page.close();
    page = usual;
  });

  it('keeps settings in the link, a drawn support too', async () => {
    await settings(LONG);
    await state('running');
    await page.selectOption('[name=support]', 'drawn');
    await page.locator('#object canvas').scrollIntoViewIfNeeded();
    const box = (await page.locator('#object canvas').boundingBox())!;
    const corners = [
      [0.1, 0.1],
      [0.6, 0.1],
      [0.6, 0.6],
      [0.1, 0.6],
    ].map(([x, y]) => [box.x + x * box.width, box.y + y * box.height] as const);
    await page.mouse.move(...corners[0]);
    await page.mouse.down();
    for (const corner of corners.slice(1)) await page.mouse.move(...corner);
    await page.mouse.up();
    await page.selectOption('[name=photons]', '1000000');
    await poll(() => new URL(page.url()).hash).toMatch(/photons=1000000/);
    const other = await open(new URL(page.url()).hash.slice(1));
    expect(await other.inputValue('[name=photons]')).toBe('1000000');
    expect(await other.inputValue('[name=support]')).toBe('drawn');
    expect(new URL(other.url()).hash).toBe(new URL(page.url()).hash);
    expect(new URL(other.url()).hash).toMatch(/outlines=\d+\.\d+%7E/);
    await other.close();
  });

  it('reads values with the arrow keys, and saves image, numbers and settings', async () => {
    await settings(SHORT);
    await finished();
    const reading = page.locator('#object output');
    await page.mouse.move(0, 0);
    await page.focus('#object canvas');
    await page.keyboard.press('ArrowRight');
    expect(await reading.textContent()).toMatch(/^pixel 32, 33: \d/);
    await page.keyboard.press('Shift+ArrowDown');
    expect(await reading.textContent()).toMatch(/^pixel 42, 33: \d/);
    for (const [id, name] of [
      ['save-image', 'image.png'],
      ['save-array', 'image.npy'],
      ['save-settings', 'settings.json'],
    ]) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#${id}`)]);
      expect(download.suggestedFilename()).toBe(name);
      expect(readFileSync(await download.path()).length).toBeGreaterThan(100);
    }
    await looksGood('finished');
  });

  it('complains about nothing, and loads nothing from elsewhere', () => {
    expect(complaints).toEqual([]);
  });
});
