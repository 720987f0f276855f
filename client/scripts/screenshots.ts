/**
 * Pictures of every screen, phone and desktop, light and dark: `npx vite build client`, then
 * `node client/scripts/screenshots.ts [part of a name] [folder]`. Without a folder they replace those in docs/screens.
 * Needs /usr/bin/chromium and no server.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { browserArguments, looks, openScene, type Scene, scenes, take, viewports } from './scenes.ts';

const only = process.argv[2] ?? '';
const kept = fileURLToPath(new URL('../../docs/screens', import.meta.url));
const out = process.argv[3] ?? kept;

const complain = (text: string) => process.stderr.write(`${text}\n`);

/** Small enough to be kept: Chromium itself makes WebP of them. */
async function toWebp(painter: Page, png: Buffer): Promise<Buffer> {
  const url = await painter.evaluate<string>(`(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${png.toString('base64')}';
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', 0.8);
  })()`);
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}

async function shoot(browser: Browser, painter: Page, scene: Scene): Promise<void> {
  const { page, close } = await openScene(browser, scene, complain);
  for (const look of looks) {
    await take(page, look);
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    if (width > viewports[look.size].width) complain(`${scene.name} ${look.size}: scrolls sideways`);
    // Higher instead of scrolled: the navigation stays at the foot.
    const height = await page.evaluate<number>('document.documentElement.scrollHeight');
    if (scene.full) await page.setViewportSize({ width, height });
    const png = await page.screenshot({ animations: 'disabled' });
    await writeFile(`${out}/${scene.name}-${look.size}-${look.scheme}.webp`, await toWebp(painter, png));
  }
  await close();
}

if (out === kept && !only) await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: browserArguments });
const painter = await browser.newPage();
for (const scene of scenes.filter((candidate) => candidate.name.includes(only))) {
  await shoot(browser, painter, scene).catch((error) => complain(`${scene.name}: ${error}`));
}
await browser.close();
