import { closeSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';

const enhancedPacket = 6;
const ethernetBytes = 14;

/**
 * Copies of a capture file (pcapng, Ethernet framing as loopback has it) what goes from or to these ports. A run of
 * all tests is gigabytes of other things, which tshark would take long to look at.
 */
export async function keepPorts(from: string, to: string, ports: ReadonlySet<number>): Promise<void> {
  const source = await open(from);
  const target = openSync(to, 'w');
  try {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of source.createReadStream({ highWaterMark: 1 << 22 })) {
      let bytes = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
      const kept: Buffer[] = [];
      // A block has its length behind its type, and once more at its end.
      while (bytes.length >= 8 && bytes.length >= bytes.readUInt32LE(4)) {
        const block = bytes.subarray(0, bytes.readUInt32LE(4));
        if (block.length < 12) throw new Error(`${from} is no pcapng file`);
        bytes = bytes.subarray(block.length);
        if (block.readUInt32LE(0) !== enhancedPacket || isOf(block.subarray(28), ports)) kept.push(block);
      }
      rest = Buffer.from(bytes);
      for (const block of kept) writeSync(target, block);
    }
  } finally {
    closeSync(target);
    await source.close();
  }
}

/** @param frame from its Ethernet header on */
function isOf(frame: Buffer, ports: ReadonlySet<number>): boolean {
  if (frame.length < ethernetBytes + 20) return false;
  const ip = frame.subarray(ethernetBytes);
  const transport = frame.readUInt16BE(12) === 0x86dd ? 40 : ((ip[0] ?? 0) & 15) * 4;
  if (ip.length < transport + 4) return false;
  return ports.has(ip.readUInt16BE(transport)) || ports.has(ip.readUInt16BE(transport + 2));
}
