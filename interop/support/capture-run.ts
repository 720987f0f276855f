import { Capture, hasTshark } from './capture.ts';

/**
 * For a run of all interop tests (`npm test` sets RINGTHROUGH_CAPTURE): everything on loopback is captured, and at the
 * end tshark reads what our servers and pages sent. A message that is malformed, or that tshark's SIP expert warns of,
 * fails the run.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.RINGTHROUGH_CAPTURE === undefined) return undefined;
  if (!hasTshark()) {
    const missing = 'tshark is missing: what our messages look like to others is not judged';
    if (process.env.CI) throw new Error(`${missing}; in CI no test is skipped`);
    process.stdout.write(`Skipped: ${missing}.\n`);
    return undefined;
  }
  const capture = await Capture.start();
  capture.announce();
  return async () => {
    try {
      await report(capture);
    } catch (error) {
      process.exitCode = 1;
      throw error;
    } finally {
      await capture.remove();
    }
  };
}

async function report(capture: Capture): Promise<void> {
  const { sipFrames, byTransport, complaints } = await capture.judge();
  const parts = Object.entries(byTransport).map(([transport, count]) => `${count} over ${transport}`);
  const lines = complaints.map(
    ({ frame, from, about, message }) => `frame ${frame} from ${from}: ${message} (${about})`,
  );
  process.stdout.write(
    `tshark: ${sipFrames} frames with SIP of ours (${parts.join(', ')}), ${complaints.length} malformed or flagged\n${lines.slice(0, 50).join('\n')}\n`,
  );
  if (complaints.length > 0) throw new Error('tshark finds fault with messages of ours');
  if (sipFrames === 0) throw new Error('the capture of the run holds no SIP of ours');
}
