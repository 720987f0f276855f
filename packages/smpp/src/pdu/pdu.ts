import smpp, { type PDU } from 'smpp';

/** Longest PDU that is read or written, in octets. */
export const maxPduLength = 16_384;

/** Parameters by their SMPP names, optional ones included. What is an octet string is a Buffer: nothing is decoded. */
export type PduFields = Readonly<Record<string, string | number | Uint8Array>>;

/** One protocol data unit (SMPP 3.4 section 3.2). */
export interface Pdu {
  /** Such as `submit_sm`; `unknown` when the command id is none of SMPP. */
  command: string;
  isResponse: boolean;
  /** command_status; 0 is ESME_ROK. */
  status: number;
  sequence: number;
  fields: PduFields;
  /** Its parameters do not fit into it; `fields` has those before the fault. */
  malformed?: true;
}

export interface PduToSend {
  command: string;
  sequence: number;
  status?: number;
  fields?: PduFields;
}

const head = new Set(['command', 'command_length', 'command_id', 'command_status', 'sequence_number']);

/** The package decodes texts on its own, and what it cannot decode is lost: here octets stay octets. */
const undecoded = Object.assign(Object.create(smpp.PDU.prototype) as PDU, { _filter: () => {} });

/** Reads one whole PDU, of the length that its head says: 16 octets at least. */
export function decodePdu(frame: Uint8Array): Pdu {
  const raw = Object.create(undecoded) as PDU;
  const malformed = !read(raw, frame);
  const fields: Record<string, string | number | Uint8Array> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (head.has(name)) continue;
    if (typeof value === 'string') fields[name] = withoutNextParameter(value);
    else if (typeof value === 'number' || value instanceof Uint8Array) fields[name] = value;
  }
  return {
    command: raw.command,
    isResponse: raw.isResponse(),
    status: raw.command_status,
    sequence: raw.sequence_number,
    fields,
    ...(malformed ? { malformed } : {}),
  };
}

/** @returns whether all of it could be read. The head always can. */
function read(raw: PDU, frame: Uint8Array): boolean {
  try {
    raw.fromBuffer(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
    return true;
  } catch {
    return false;
  }
}

/** The package reads strings to their zero, and into the next optional parameter where that is missing. */
function withoutNextParameter(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the tags of parameters begin with one.
  return /^[^\x00-\x1f]*/.exec(text)?.[0] ?? '';
}

/** Whether a PDU of this name can be encoded. */
export const isCommand = (name: string): boolean => Object.hasOwn(smpp.commands, name);

/** @throws RangeError when it is longer than `maxPduLength` */
export function encodePdu({ command, sequence, status = 0, fields = {} }: PduToSend): Buffer {
  // What the package does not know for a Buffer it takes for a text.
  const given = Object.entries(fields).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? Buffer.from(value) : value,
  ]);
  const pdu = new smpp.PDU(command, {
    ...Object.fromEntries(given),
    command_status: status,
    sequence_number: sequence,
  });
  const octets = pdu.toBuffer();
  if (octets.length > maxPduLength)
    throw new RangeError(`a ${command} of ${octets.length} octets is too long`);
  return octets;
}

/** A parameter that is a number; 0 when it is absent. */
export function numberField({ fields }: Pick<Pdu, 'fields'>, name: string): number {
  const value = fields[name];
  return typeof value === 'number' ? value : 0;
}

/** A parameter that is a string; empty when it is absent. */
export function textField({ fields }: Pick<Pdu, 'fields'>, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}

/** A parameter that is an octet string; `undefined` when it is absent. */
export function octetsField({ fields }: Pick<Pdu, 'fields'>, name: string): Uint8Array | undefined {
  const value = fields[name];
  return value instanceof Uint8Array ? value : undefined;
}
