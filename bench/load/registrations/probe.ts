import { createSocket } from 'node:dgram';

/** Resolves when somebody at this port answers a REGISTER, with whatever. */
export async function firstAnswer(port: number, timeoutMs = 120_000): Promise<void> {
  const socket = createSocket('udp4');
  // Nobody listens yet.
  socket.on('error', () => undefined);
  let sequence = 0;
  const ask = () => {
    sequence++;
    const { port: own } = socket.address();
    const lines = [
      'REGISTER sip:127.0.0.1 SIP/2.0',
      `Via: SIP/2.0/UDP 127.0.0.1:${own};branch=z9hG4bKprobe${sequence};rport`,
      'Max-Forwards: 70',
      'From: <sip:probe@127.0.0.1>;tag=probe',
      'To: <sip:probe@127.0.0.1>',
      'Call-ID: probe',
      `CSeq: ${sequence} REGISTER`,
      `User-Agent: ${'probe '.repeat(40)}`,
      'Content-Length: 0',
    ];
    socket.send(`${lines.join('\r\n')}\r\n\r\n`, port, '127.0.0.1');
  };
  const answered = new Promise((resolve) => socket.once('message', resolve));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const timer = setInterval(ask, 100);
  const deadline = new Promise((_, reject) => {
    setTimeout(() => reject(new Error('no answer')), timeoutMs).unref();
  });
  try {
    await Promise.race([answered, deadline]);
  } finally {
    clearInterval(timer);
    socket.close();
  }
}
