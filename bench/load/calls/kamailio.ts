import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Line } from './line.ts';

/** The usual proxy of Kamailio's own documentation, without what this scenario does not use: no log, no database. */
export function kamailioConfig({ port, workers }: { port: number; workers: number }): string {
  return `#!KAMAILIO
debug=0
log_stderror=yes
listen=udp:127.0.0.1:${port}
children=${workers}
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
maxbuffer=4194304
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "tmx.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "dialog.so"
modparam("usrloc", "db_mode", 0)
modparam("dialog", "hash_size", 16384)
modparam("usrloc", "hash_size", 14)
modparam("dialog", "db_mode", 0)
modparam("rr", "append_fromtag", 0)
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) { if (!t_relay()) sl_reply_error(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404", "Not here");
    exit;
  }
  if (t_precheck_trans()) { t_check_trans(); exit; }
  t_check_trans();
  if (is_method("REGISTER")) { save("location"); exit; }
  if (!is_method("INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  record_route();
  dlg_manage();
  if (!lookup("location")) { t_newtran(); t_reply("404", "Not Found"); exit; }
  if (!t_relay()) sl_reply_error();
  exit;
}
`;
}

/** Registers the phones of all lines, each from its own port. @throws when one gets no 200 within a second */
export async function registerAt(port: number, lines: readonly Line[]): Promise<true> {
  for (const { called, phones } of lines) {
    for (const phone of phones) await register(port, called, phone);
  }
  return true;
}

async function register(port: number, user: string, phone: number): Promise<void> {
  const socket = createSocket('udp4');
  try {
    socket.bind(phone, '127.0.0.1');
    await once(socket, 'listening');
    socket.send(registration(user, phone, port), port, '127.0.0.1');
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(1000) })) as [Buffer];
    if (!answer.toString().startsWith('SIP/2.0 200')) throw new Error(`REGISTER: ${answer.toString()}`);
  } finally {
    socket.close();
  }
}

const registration = (user: string, phone: number, port: number) =>
  [
    `REGISTER sip:127.0.0.1:${port} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${phone};branch=z9hG4bK${user.slice(1)}${phone}`,
    'Max-Forwards: 70',
    `From: <sip:${user}@127.0.0.1>;tag=${phone}`,
    `To: <sip:${user}@127.0.0.1>`,
    `Call-ID: ${user.slice(1)}-${phone}`,
    'CSeq: 1 REGISTER',
    `Contact: <sip:${user}@127.0.0.1:${phone}>`,
    'Expires: 3600',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
