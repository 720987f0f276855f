import { eventually } from './demo/eventually.ts';
import { Person } from './demo/person.ts';
import { PhoneNetwork } from './demo/phone-network.ts';
import { Rest } from './demo/rest.ts';
import { ServerProcess } from './demo/server-process.ts';
import { Story } from './demo/story.ts';
import { Timeline } from './demo/timeline.ts';

/** `npm run demo`: the whole story against a server of its own, without a browser or a microphone. */
const ringTimeoutSeconds = 4;

async function main(): Promise<number> {
  const timeline = new Timeline((text) => process.stdout.write(text));
  timeline.chapter('Ringthrough, the story in one run. Times are seconds since the start of each part.');
  const server = await ServerProcess.start({ ringTimeoutSeconds });
  timeline.line(`the server is up at ${server.origin}, on ports and data of its own`);
  const lab = new Rest(`${server.origin}/lab/api`);
  const person = new Person(server.origin, lab);
  const network = new PhoneNetwork(lab);
  const story = new Story({ origin: server.origin, person, network, timeline, ringTimeoutSeconds });
  // Neither Ctrl+C nor a fault of the demo itself may leave a server behind.
  const abort = (code: number) => void server.stop().then(() => process.exit(code));
  process.once('SIGINT', () => abort(130));
  process.once('uncaughtException', (error) => {
    process.stderr.write(`${error.stack}\n`);
    abort(1);
  });
  try {
    await story.tell();
  } catch (error) {
    timeline.check(describe(error), false);
    timeline.note(`The server wrote:\n${server.output}`);
  } finally {
    await eventually('the devices are gone', 10_000, () => story.close().then(() => true)).catch(() => {});
    await server.stop();
  }
  return report(timeline);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} ${describe(error.cause)}`;
}

function report(timeline: Timeline): number {
  const { failures } = timeline;
  if (failures.length === 0) {
    timeline.chapter('Everything is as it must be.');
    return 0;
  }
  timeline.chapter(`Not as it must be: ${failures.length}`);
  for (const failure of failures) timeline.note(`✗ ${failure}`);
  return 1;
}

// Ends the process also when a library keeps a timer of its own.
main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
