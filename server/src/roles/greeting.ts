import { relative } from 'node:path';
import type { Config } from '../config.ts';
import type { Addresses } from './all-in-one.ts';

/** What the operator reads when everything runs: where things are and what to do next, ten lines at most. */
export function greeting(config: Config, { http, sip, webrtcPort }: Addresses): string[] {
  const { min, max } = config.media.rtpPorts;
  return [
    'Ringthrough is running.',
    `  Client   ${http}/`,
    ...(config.lab.enabled ? [`  Lab      ${http}/lab/`] : []),
    `  API      ${http}/api/docs`,
    `  SIP      ${sip} (UDP and TCP), ${http.replace(/^http/, 'ws')}/sip`,
    `  Media    UDP ${webrtcPort} (WebRTC), UDP ${min}-${max} (RTP)`,
    `  Data     ${dataFolder(config.dataDir)}`,
    `Next: ${nextStep(config)}`,
    'Stop with Ctrl+C.',
  ];
}

/** `./data`, or the whole path when it lies elsewhere. */
function dataFolder(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : `./${fromHere}`;
}

function nextStep({ lab, carriers }: Config): string {
  if (carriers.length === 0) return 'describe your carrier in ringthrough.yaml, see docs/configuration.md.';
  if (!lab.enabled)
    return `sign up in the client with a number of ${carriers.map(({ name }) => name).join(', ')}.`;
  return 'open the lab, and sign up in the client with +14155550101. The code arrives on the lab’s handset.';
}
