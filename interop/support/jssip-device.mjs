// A device of JsSIP alone, in a process of its own: registers over WebSocket and stays registered.
// Usage: node jssip-device.mjs <ws://…/sip> <user> <domain>, with the password in SIP_PASSWORD. SIGTERM deregisters.
import JsSIP from 'jssip';

const [url, user, domain] = process.argv.slice(2);
const ua = new JsSIP.UA({
  sockets: new JsSIP.WebSocketInterface(url),
  uri: `sip:${user}@${domain}`,
  password: process.env.SIP_PASSWORD,
  register_expires: 30,
  connection_recovery_min_interval: 1,
  connection_recovery_max_interval: 2,
});
for (const event of ['connected', 'disconnected', 'registered', 'unregistered', 'registrationFailed']) {
  ua.on(event, () => console.log(event));
}
ua.start();
process.once('SIGTERM', () => {
  // Deregisters, waits for the answer, closes the WebSocket.
  ua.stop();
  ua.once('disconnected', () => process.exit());
});
