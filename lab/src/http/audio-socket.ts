import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Lab } from '../lab.ts';
import { bytesOf, frameSamples, samplesOf } from '../media/frame.ts';
import type { HandsetAudio } from '../media/handset-audio.ts';
import { LabError } from '../model/errors.ts';
import { isSameSite } from './same-site.ts';

/** A page that cannot keep up loses frames instead of filling our memory: half a second of sound. */
const maxBufferedBytes = 8000;
const maxMessageBytes = 8 * frameSamples * 2;

/**
 * Live sound of one handset in a call: binary messages of 8 kHz 16-bit little-endian PCM, in frames of 320 bytes from
 * us; whole frames (one or more) from the page.
 */
export class AudioSockets {
  readonly #lab: Lab;
  readonly #prefix: string;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes });

  /** `prefix`: the path before the call's id, with a slash at its end. */
  constructor(lab: Lab, prefix: string) {
    this.#lab = lab;
    this.#prefix = prefix;
  }

  /** Listener for `upgrade` of the HTTP server; leaves requests for other paths alone. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (!url.pathname.startsWith(this.#prefix)) return;
    if (!isSameSite(request.headers)) {
      refuse(socket, '403 Forbidden');
      return;
    }
    const callId = url.pathname.slice(this.#prefix.length);
    const number = url.searchParams.get('handset') ?? undefined;
    try {
      const audio = this.#lab.audio(callId, number);
      this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#run(webSocket, audio, callId));
    } catch (error) {
      refuse(socket, error instanceof LabError ? '404 Not Found' : '500 Internal Server Error');
    }
  };

  close(): void {
    for (const webSocket of this.#server.clients) webSocket.terminate();
    this.#server.close();
  }

  #run(webSocket: WebSocket, audio: HandsetAudio, callId: string): void {
    const stops = [
      audio.onHeard((frame) => {
        if (webSocket.bufferedAmount < maxBufferedBytes) webSocket.send(bytesOf(frame));
      }),
      this.#lab.on((event) => {
        if (event.type === 'changed' && this.#isOver(callId)) webSocket.close(1000, 'The call is over.');
      }),
    ];
    webSocket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary && Buffer.isBuffer(data)) feed(audio, data);
    });
    webSocket.on('error', () => webSocket.terminate());
    webSocket.on('close', () => {
      for (const stop of stops) stop();
    });
  }

  #isOver(callId: string): boolean {
    return !this.#lab.calls().some((call) => call.id === callId && call.state !== 'ended');
  }
}

function feed(audio: HandsetAudio, data: Buffer): void {
  const pcm = samplesOf(data);
  for (let at = 0; at + frameSamples <= pcm.length; at += frameSamples) {
    audio.feed(pcm.subarray(at, at + frameSamples));
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
