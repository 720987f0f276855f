import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserArguments, looks, openScene, type Scene, scenes, take } from '../client/scripts/scenes.ts';
import { hasPeer } from './support/peers.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** WCAG 2.2, levels A and AA, with what axe knows to be good practice. */
const rules = {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  // A call covers the page as a dialog; what lies below it is inert and has its own landmarks.
  rules: { region: { enabled: false } },
};

interface Violation {
  id: string;
  nodes: Array<{ target: string[]; failureSummary: string }>;
}

async function violations(page: Page): Promise<string[]> {
  const found = await page.evaluate<Violation[]>(
    `axe.run(document, ${JSON.stringify(rules)}).then((r) => r.violations)`,
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}\n${failureSummary}`),
  );
}

/** Elements that can be pressed and are smaller than 24 × 24 (WCAG 2.5.8); links in running text may be. */
const smallTargets = `[...document.querySelectorAll('a, button, input, select, summary')]
  .filter((element) => !element.closest('[inert]') && element.checkVisibility({ visibilityProperty: true }))
  .filter((element) => !element.matches('.visually-hidden, .skip'))
  .map((element) => ({ element, box: element.getBoundingClientRect() }))
  .filter(({ box }) => box.width > 0 && (box.width < 24 || box.height < 24))
  .filter(({ element }) => !element.closest('label'))
  .map(({ element, box }) => element.outerHTML.slice(0, 80) + ' ' + Math.round(box.width) + '×' + Math.round(box.height))`;

const overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;

describe.skipIf(!hasPeer('chromium'))('every screen of the client', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: browserArguments });
  });
  afterAll(() => browser?.close());

  const open = async (scene: Scene) => {
    const complaints: string[] = [];
    const { page, close } = await openScene(browser, scene, (text) => complaints.push(text));
    return { page, close, complaints };
  };

  it.each(scenes.map((scene) => [scene.name, scene] as const))(
    '%s: WCAG 2.2 AA, in both sizes, light and dark',
    async (_name, scene) => {
      const { page, close, complaints } = await open(scene);
      await page.evaluate(axe);
      const found: string[] = [];
      for (const look of looks) {
        await take(page, look);
        const where = `${look.size} ${look.scheme}`;
        for (const violation of await violations(page)) found.push(`${where}: ${violation}`);
        for (const target of await page.evaluate<string[]>(smallTargets))
          found.push(`${where}: small ${target}`);
        if ((await page.evaluate<number>(overflow)) > 0) found.push(`${where}: scrolls sideways`);
      }
      await close();
      expect(found).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );

  /** One of each kind of screen. */
  const some = scenes.filter(({ name }) =>
    /^(welcome|sign-up|prove-sms-from-client|home|numbers|forward-by-hand|settings|softphone-set-up)$/.test(
      name,
    ),
  );

  it.each(some.map((scene) => [scene.name, scene] as const))(
    '%s: text of twice the size is not cut off, and nothing scrolls sideways (1.4.4, 1.4.10)',
    async (_name, scene) => {
      const { page, close } = await open(scene);
      await page.addStyleTag({ content: 'html { font-size: 200% }' });
      await take(page, { size: 'phone', scheme: 'light' });
      const cut = await page.evaluate<string[]>(`[...document.querySelectorAll('h1, h2, p, a, button, label')]
        .filter((element) => element.checkVisibility() && !element.closest('.visually-hidden, .skip'))
        .filter((element) => element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflow !== 'visible')
        .map((element) => element.outerHTML.slice(0, 80))`);
      expect(cut).toEqual([]);
      expect(await page.evaluate<number>(overflow)).toBe(0);
      await close();
    },
  );

  it.each(
    (['es', 'fr', 'de', 'hi'] as const).flatMap((language) =>
      scenes
        .filter(({ act, name }) => !act || /^(home|settings)$/.test(name))
        .map((scene) => [language, scene.name, { ...scene, language }] as const),
    ),
  )('%s, %s: fits, and is marked as that language', async (language, _name, scene) => {
    const { page, close, complaints } = await open(scene);
    expect(await page.evaluate<string>('document.documentElement.lang')).toBe(language);
    await page.evaluate(axe);
    const found = await violations(page);
    for (const size of ['phone', 'desktop'] as const) {
      await take(page, { size, scheme: 'light' });
      if ((await page.evaluate<number>(overflow)) > 0) found.push(`${size}: scrolls sideways`);
    }
    await close();
    expect(found).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('moves nothing for people who want no motion', async () => {
    const scene = scenes.find(({ name }) => name === 'forward-checking');
    if (!scene) throw new Error('no such scene');
    const { page, close } = await open(scene);
    expect(
      await page.evaluate<number>(`document.getAnimations().filter((a) => a.playState === 'running').length`),
    ).toBe(0);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    expect(await page.evaluate<number>(`document.getAnimations().length`)).toBeGreaterThan(0);
    await close();
  });
});
