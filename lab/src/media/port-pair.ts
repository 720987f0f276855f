import { createSocket, type Socket } from 'node:dgram';

/** RTP on an even port and RTCP on the next one (RFC 3550 section 11). */
export interface PortPair {
  rtp: Socket;
  rtcp: Socket;
}

const attempts = 30;

/** Binds a free pair; the system chooses where. @throws the system's error when there is none after some attempts. */
export async function bindPortPair(host: string): Promise<PortPair> {
  let failure: unknown;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const rtp = await bind(host, 0);
    const { port } = rtp.address();
    if (port % 2 === 0) {
      try {
        return { rtp, rtcp: await bind(host, port + 1) };
      } catch (error) {
        failure = error;
      }
    }
    rtp.close();
  }
  throw new Error('There is no free pair of ports for RTP.', { cause: failure });
}

async function bind(host: string, port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.bind(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.off('error', reject);
  // A peer whose port is gone answers with ICMP; its silence is noticed elsewhere.
  socket.on('error', () => {});
  return socket;
}
