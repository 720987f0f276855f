import type { LadderEntry, Participant } from '../ladder.ts';

/** Where a participant of the trunk is, by IPv4 address and UDP port. */
export type AddressOf = (who: Participant) => { host: string; port: number } | undefined;

/** The ladder for reading: one paragraph per message, times in milliseconds since `startedAt`. */
export function ladderAsText(entries: readonly LadderEntry[], startedAt: number): string {
  const paragraphs = entries.map(({ at, from, to, label, detail }) => {
    const between = from === to ? from : `${from} -> ${to}`;
    return `+${at - startedAt} ms  ${between}  ${label}\n${indented(detail)}`;
  });
  return `${paragraphs.join('\n\n')}\n`;
}

const indented = (text: string): string => text.trimEnd().replaceAll('\r', '').replace(/^/gm, '    ');

/** Link type of a capture whose packets begin with the IP header (LINKTYPE_RAW). */
const rawIp = 101;
const snapLength = 65_535;

/** The SIP of the ladder as a capture (pcap 2.4) of IPv4 and UDP, for Wireshark and its like. */
export function ladderAsPcap(entries: readonly LadderEntry[], addressOf: AddressOf): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(snapLength, 16);
  header.writeUInt32LE(rawIp, 20);
  const packets = entries.flatMap(({ kind, at, from, to, detail }) => {
    const [source, destination] = [addressOf(from), addressOf(to)];
    if (kind !== 'sip' || source === undefined || destination === undefined) return [];
    return [record(at, datagram(source, destination, Buffer.from(detail)))];
  });
  return Buffer.concat([header, ...packets]);
}

function record(at: number, packet: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(Math.floor(at / 1000), 0);
  header.writeUInt32LE((at % 1000) * 1000, 4);
  header.writeUInt32LE(packet.length, 8);
  header.writeUInt32LE(packet.length, 12);
  return Buffer.concat([header, packet]);
}

interface At {
  host: string;
  port: number;
}

/** IPv4 (RFC 791) and UDP (RFC 768) around the payload; the UDP checksum 0 says that there is none. */
function datagram(source: At, destination: At, payload: Buffer): Buffer {
  const packet = Buffer.alloc(28 + payload.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = 17;
  packet.set(octets(source.host), 12);
  packet.set(octets(destination.host), 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  packet.writeUInt16BE(source.port, 20);
  packet.writeUInt16BE(destination.port, 22);
  packet.writeUInt16BE(8 + payload.length, 24);
  packet.set(payload, 28);
  return packet;
}

/** Of another host than an IPv4 address nothing can be written; the unspecified address stands for it. */
function octets(host: string): number[] {
  const parts = host.split('.').map(Number);
  return parts.length === 4 && parts.every((part) => part >= 0 && part <= 255) ? parts : [0, 0, 0, 0];
}

/** RFC 1071. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
