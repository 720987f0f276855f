import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Process } from './process.ts';

/** Whether this machine lets tests make networks of their own; in CI it must. */
export function canMakeNetworks(): boolean {
  const may = process.getuid?.() === 0 && ['ip', 'iptables', 'ss'].every(hasCommand);
  if (!may && process.env.CI)
    throw new Error('no network namespaces (root, ip, iptables, ss); in CI no test is skipped');
  return may;
}

const hasCommand = (name: string) =>
  spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;

/**
 * A network that only exists for a test: one address of the server here, and hosts in network namespaces, each at the
 * end of a cable of its own. Everything is gone after `close`, and the names belong to nobody else.
 */
export class Network {
  /** Where servers listen, reached from every host. */
  readonly address: string;
  readonly #prefix: string;
  readonly #name: string;
  readonly #hosts: NetworkHost[] = [];

  private constructor(name: string, prefix: string) {
    this.#name = name;
    this.#prefix = prefix;
    this.address = `${prefix}.0.1`;
  }

  static create(): Network {
    const [first = 0, second = 0, third = 0] = randomBytes(3);
    const network = new Network(`rt${[first, second, third].map(hex).join('')}`, `10.${64 + (first % 128)}`);
    const { address } = network;
    process.once('exit', network.#remove);
    ip('link', 'add', `${network.#name}s`, 'type', 'veth', 'peer', 'name', `${network.#name}t`);
    ip('link', 'set', `${network.#name}s`, 'up');
    ip('link', 'set', `${network.#name}t`, 'up');
    ip('addr', 'add', `${address}/32`, 'dev', `${network.#name}s`);
    return network;
  }

  /** A new host, with a cable to here. */
  host(): NetworkHost {
    const number = this.#hosts.length + 1;
    const host = new NetworkHost({
      namespace: `${this.#name}n${number}`,
      here: { device: `${this.#name}h${number}`, address: `${this.#prefix}.${number}.1` },
      there: { device: `${this.#name}p${number}`, address: `${this.#prefix}.${number}.2` },
      server: this.address,
    });
    this.#hosts.push(host);
    host.plugIn();
    return host;
  }

  close(): void {
    process.off('exit', this.#remove);
    this.#remove();
  }

  readonly #remove = (): void => {
    for (const host of this.#hosts) host.remove();
    spawnSync('ip', ['link', 'del', `${this.#name}s`]);
  };
}

interface Cable {
  device: string;
  address: string;
}

interface HostParts {
  namespace: string;
  here: Cable;
  there: Cable;
  server: string;
}

/** One host of a {@link Network}. */
export class NetworkHost {
  readonly #parts: HostParts;

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  /** The host's own address. */
  get address(): string {
    return this.#parts.there.address;
  }

  plugIn(): void {
    const { namespace, here, there } = this.#parts;
    ip('netns', 'add', namespace);
    ip('link', 'add', here.device, 'type', 'veth', 'peer', 'name', there.device, 'netns', namespace);
    ip('addr', 'add', `${here.address}/24`, 'dev', here.device);
    ip('link', 'set', here.device, 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    ip('-n', namespace, 'addr', 'add', `${there.address}/24`, 'dev', there.device);
    this.linkUp();
  }

  /** A process on this host. */
  run(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Process {
    const [name = '', ...rest] = this.command(command, args);
    return new Process(name, rest, options);
  }

  /** The command line that starts a process on this host; `ip` becomes that process. */
  command(command: string, args: string[]): string[] {
    return ['ip', 'netns', 'exec', this.#parts.namespace, command, ...args];
  }

  /** Packets are lost in both directions, without a word. */
  lose(): void {
    this.#filter('-A', 'INPUT', '-j', 'DROP');
    this.#filter('-A', 'OUTPUT', '-j', 'DROP');
  }

  /** Nothing new gets out, and what is open is reset at both ends, as when a NAT is started anew. */
  reset(): void {
    this.#filter('-A', 'OUTPUT', '-p', 'tcp', '--syn', '-j', 'REJECT', '--reject-with', 'tcp-reset');
    must('ip', ['netns', 'exec', this.#parts.namespace, 'ss', '-K', '-t', 'dst', this.#parts.server]);
  }

  /** Whatever comes from the server over TCP is answered with RST, and reaches nobody. */
  resetOnPacket(): void {
    this.#filter('-A', 'INPUT', '-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset');
    this.#filter('-A', 'OUTPUT', '-p', 'tcp', '!', '--tcp-flags', 'RST', 'RST', '-j', 'DROP');
  }

  /** Ends `lose`, `reset` and `resetOnPacket`. */
  mend(): void {
    this.#filter('-F');
  }

  /** The cable is pulled at the host's end. */
  linkDown(): void {
    ip('-n', this.#parts.namespace, 'link', 'set', this.#parts.there.device, 'down');
  }

  linkUp(): void {
    const { namespace, here, there } = this.#parts;
    ip('-n', namespace, 'link', 'set', there.device, 'up');
    // The route goes when the link goes.
    ip('-n', namespace, 'route', 'replace', 'default', 'via', here.address);
  }

  /** Its processes must be gone already. */
  remove(): void {
    spawnSync('ip', ['netns', 'del', this.#parts.namespace]);
    // Gone with the other end, unless a process still holds the namespace.
    spawnSync('ip', ['link', 'del', this.#parts.here.device]);
  }

  #filter(...args: string[]): void {
    must('ip', ['netns', 'exec', this.#parts.namespace, 'iptables', '-w', ...args]);
  }
}

const hex = (byte: number) => byte.toString(16).padStart(2, '0');

const ip = (...args: string[]) => must('ip', args);

function must(command: string, args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
