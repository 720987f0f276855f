import { spawnSync } from 'node:child_process';

type Peer =
  | 'sipp'
  | 'baresip'
  | 'chromium'
  | 'dnsmasq'
  | 'openssl'
  | 'kamailio'
  | 'linphonec'
  | 'sipsak'
  | 'svmap'
  | 'tshark'
  | 'bearerbox'
  | 'perl-net-smpp';

/**
 * Whether a real peer is on this machine. `npm test` installs them when it may; in CI a missing one is an error,
 * so that nothing is skipped there.
 */
export function hasPeer(command: Peer): boolean {
  // Debian puts servers where only root's PATH leads.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const probe = command === 'perl-net-smpp' ? 'perl -MNet::SMPP -e 1' : `command -v ${command}`;
  const found = spawnSync('sh', ['-c', probe], { stdio: 'ignore', env }).status === 0;
  if (!found && process.env.CI) throw new Error(`${command} is missing; in CI no test is skipped`);
  return found;
}
