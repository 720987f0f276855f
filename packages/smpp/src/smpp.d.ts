/** What is used of the npm package `smpp`, which brings no types. */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events';
  import type { Server as NetServer, Socket } from 'node:net';

  export interface PduFields {
    command_status?: number;
    sequence_number?: number;
    [name: string]: unknown;
  }

  export class PDU {
    static maxLength: number;
    constructor(command: string | Uint8Array, options?: PduFields);
    command: string;
    command_id: number;
    command_status: number;
    sequence_number: number;
    isResponse(): boolean;
    response(options?: PduFields): PDU;
    fromBuffer(buffer: Uint8Array): void;
    toBuffer(): Buffer;
    [name: string]: unknown;
  }

  export class Session extends EventEmitter {
    socket: Socket;
    send(pdu: PDU, onResponse?: (answer: PDU) => void, onSent?: () => void): boolean;
    deliver_sm(options: PduFields, onResponse?: (answer: PDU) => void): boolean;
    submit_sm(options: PduFields, onResponse?: (answer: PDU) => void): boolean;
    enquire_link(onResponse?: (answer: PDU) => void): boolean;
    bind_transceiver(options: PduFields, onResponse?: (answer: PDU) => void): boolean;
    unbind(onResponse?: (answer: PDU) => void): boolean;
    /** Reads no further PDU. */
    pause(): void;
    close(callback?: () => void): void;
    destroy(callback?: () => void): void;
  }

  export class Server extends NetServer {
    sessions: Session[];
  }

  export interface ServerOptions {
    key?: string | Uint8Array;
    cert?: string | Uint8Array;
  }

  export function createServer(listener: (session: Session) => void): Server;
  export function createServer(options: ServerOptions, listener: (session: Session) => void): Server;
  export function connect(options: Record<string, unknown>, listener?: () => void): Session;

  export const errors: Readonly<Record<string, number>>;
  export const gsmCoder: {
    encode(text: string, shiftTable: number): Buffer;
    decode(octets: Uint8Array, shiftTable: number): string;
  };

  const smpp: {
    PDU: typeof PDU;
    Session: typeof Session;
    Server: typeof Server;
    createServer: typeof createServer;
    connect: typeof connect;
    errors: typeof errors;
    /** By name. */
    commands: Readonly<Record<string, unknown>>;
    gsmCoder: typeof gsmCoder;
  };
  export default smpp;
}
