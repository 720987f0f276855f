/** Makes the PNG icons in client/public from icon.svg: `node client/scripts/make-icons.ts`. */
import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const publicDir = new URL('../public/', import.meta.url);
const svg = await readFile(new URL('icon.svg', publicDir), 'utf8');
/** Maskable and Apple icons are cut by the system, so they bleed to the edge and keep the drawing in the middle. */
const bleeding = svg.replace('rx="15"', '').replace('<g ', '<g transform="translate(6.4 6.4) scale(.8)" ');
const bleedingDot = bleeding.replace('<circle ', '<circle transform="translate(6.4 6.4) scale(.8)" ');

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const icons = [
  { name: 'icon-192.png', size: 192, source: svg },
  { name: 'icon-512.png', size: 512, source: svg },
  { name: 'icon-maskable-512.png', size: 512, source: bleedingDot },
  { name: 'apple-touch-icon.png', size: 180, source: bleedingDot },
];
for (const { name, size, source } of icons) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px}</style>${source}`);
  await page.screenshot({ path: new URL(name, publicDir).pathname, omitBackground: true });
  await page.close();
}
await browser.close();
