import { parentPort, workerData } from 'node:worker_threads';
import { IcePort } from '@ringthrough/ice';
import { MediaError } from '../media-plane.ts';
import { MediaEngine } from './media-engine.ts';
import type { FromWorker, Request, WorkerConfig } from './protocol.ts';

/** The worker thread's main file: opens the WebRTC port, then executes commands until it is told to close. */
async function main(): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('this file runs in a worker thread');
  const config = workerData as WorkerConfig;
  let outbox: FromWorker[] = [];
  // What one turn says crosses over together.
  const say = (message: FromWorker) => {
    outbox.push(message);
    if (outbox.length > 1) return;
    queueMicrotask(() => {
      const messages = outbox;
      outbox = [];
      port.postMessage(messages);
    });
  };
  const { host, webrtcPort } = config;
  const icePort = await IcePort.bind({
    host,
    port: webrtcPort,
    onError: (error) =>
      say({ type: 'log', level: 'error', data: { error: error.message }, message: 'WebRTC port' }),
  }).catch((error: NodeJS.ErrnoException) => {
    say({ type: 'listen-failed', code: error.code ?? 'unknown', host, port: webrtcPort });
    return undefined;
  });
  if (!icePort) return;
  const engine = new MediaEngine({
    config,
    icePort,
    emit: say,
    log: (level, data, message) => say({ type: 'log', level, data, message }),
  });
  const execute = (request: Request) => {
    const { id } = request;
    engine.execute(request.command, request.args as never).then(
      (value) => {
        say({ type: 'result', id, value });
        // Nothing is open any more but this: the thread ends when everything said has left.
        if (request.command === 'close') port.unref();
      },
      (error: unknown) => {
        const code = error instanceof MediaError ? error.code : undefined;
        say({ type: 'error', id, code, message: error instanceof Error ? error.message : String(error) });
      },
    );
  };
  port.on('message', (requests: Request[]) => requests.forEach(execute));
  say({ type: 'ready', webrtcPort: icePort.address.port });
}

await main();
