// The real software that tests and benchmarks talk to, from Debian's packages.
import { spawnSync } from 'node:child_process';

const peers = [
  { command: 'sipp', package: 'sip-tester', without: 'the trunk tests with SIPp' },
  { command: 'baresip', package: 'baresip', without: 'the softphone tests with baresip' },
  { command: 'chromium', package: 'chromium', without: 'the tests in a real browser' },
  { command: 'dnsmasq', package: 'dnsmasq-base', without: 'the tests of locating servers by DNS' },
  {
    command: 'kamailio',
    package: 'kamailio kamailio-outbound-modules kamailio-websocket-modules',
    without: 'the tests with Kamailio',
  },
  { command: 'sipsak', package: 'sipsak', without: 'the tests with sipsak' },
  { command: 'svmap', package: 'sipvicious', without: 'the scans of sipvicious' },
  { command: 'linphonec', package: 'linphone-cli', without: 'the softphone tests with linphone' },
  { command: 'iptables', package: 'iptables', without: 'the tests that cut devices off' },
  { command: 'ip', package: 'iproute2', without: 'the tests that cut devices off' },
  { command: 'tshark', package: 'tshark', without: 'what Wireshark says of our messages' },
  {
    command: '/usr/lib/postgresql/*/bin/postgres',
    package: 'postgresql',
    without: 'the tests on PostgreSQL',
  },
  { command: 'bearerbox', package: 'kannel', without: 'the tests of SMS with Kannel' },
  {
    command: 'perl-net-smpp',
    probe: 'perl -MNet::SMPP -e 1',
    package: 'libnet-smpp-perl',
    without: 'the tests of SMS with an SMS centre in Perl',
  },
  { command: 'openssl', package: 'openssl', without: 'the tests of TLS, and of DTLS with OpenSSL' },
];

// Debian puts servers where only root's PATH leads.
const searched = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
const has = (command, probe = `command -v ${command}`) =>
  spawnSync('sh', ['-c', probe], { stdio: 'ignore', env: searched }).status === 0;

/** Root, or a sudo that asks for no password; otherwise nothing is installed. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  return has('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
    ? ['sudo', '-n']
    : undefined;
}

/**
 * Installs the peers that are missing, when it may. Returns those still missing and says what goes untested
 * without them.
 */
export function installPeers() {
  const missing = peers.filter((peer) => !has(peer.command, peer.probe));
  const prefix = asRoot();
  if (missing.length > 0 && prefix && has('apt-get')) {
    const names = missing.flatMap((peer) => peer.package.split(' '));
    console.log(`Installing from Debian's packages: ${names.join(', ')} …`);
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const apt = (args) => {
      const [command, ...rest] = [...prefix, 'apt-get', ...args];
      return spawnSync(command, rest, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] }).status;
    };
    apt(['update', '-q']);
    apt(['install', '-y', '-q', '--no-install-recommends', ...names]);
  }
  const absent = peers.filter((peer) => !has(peer.command, peer.probe));
  for (const peer of absent) {
    console.log(`Skipped: ${peer.without} (no ${peer.command}; install Debian's package ${peer.package}).`);
  }
  return absent;
}
