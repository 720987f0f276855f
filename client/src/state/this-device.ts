import type { ThisDevice } from '../api/client.ts';
import { texts } from '../texts/index.ts';

const systems: Array<[RegExp, string]> = [
  [/iPad/, 'iPadOS'],
  [/iPhone/, 'iOS'],
  [/Android/, 'Android'],
  [/CrOS/, 'ChromeOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
];
const browsers: Array<[RegExp, string]> = [
  [/EdgA?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/(?:Firefox|FxiOS)\//, 'Firefox'],
  [/(?:Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];

/** A name for this browser that its owner recognises in the device list: "Firefox on Android". */
export function describeDevice(userAgent: string): ThisDevice {
  const system = systems.find(([pattern]) => pattern.test(userAgent))?.[1] ?? texts.devices.unknownSystem;
  const browser = browsers.find(([pattern]) => pattern.test(userAgent))?.[1] ?? texts.devices.unknownBrowser;
  return { name: texts.devices.thisName(browser, system), system };
}
