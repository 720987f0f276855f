import { describe, expect, it } from 'vitest';
import { parseErrorCode, parseXorMappedAddress } from '../stun/stun-attributes.ts';
import {
  BINDING_METHOD,
  parseStun,
  type ReceivedStunMessage,
  StunAttributeType,
  serializeStun,
  stunAttribute,
  type TransportAddress,
  verifyIntegrity,
} from '../stun/stun-message.ts';
import { IceLiteAgent, type IceLiteOutput } from './ice-lite-agent.ts';

const PASSWORD = 'a-password-of-22-chars';

interface Check {
  priority?: number;
  nominate?: boolean;
  role?: 'controlling' | 'controlled';
  password?: string | undefined;
  extra?: number;
  withoutPriority?: boolean;
}

function check(options: Check = {}): ReceivedStunMessage {
  const priority = Buffer.alloc(4);
  priority.writeUInt32BE(options.priority ?? 1000);
  const role =
    options.role === 'controlled' ? StunAttributeType.iceControlled : StunAttributeType.iceControlling;
  const attributes = [
    { type: StunAttributeType.username, value: Buffer.from('ours:theirs') },
    { type: role, value: Buffer.alloc(8, 7) },
    ...(options.withoutPriority ? [] : [{ type: StunAttributeType.priority, value: priority }]),
    ...(options.nominate ? [{ type: StunAttributeType.useCandidate, value: Buffer.alloc(0) }] : []),
    ...(options.extra ? [{ type: options.extra, value: Buffer.alloc(4) }] : []),
  ];
  const message = {
    class: 'request',
    method: BINDING_METHOD,
    transactionId: Buffer.alloc(12, 3),
    attributes,
  } as const;
  const key = 'password' in options ? options.password : PASSWORD;
  return parseStun(serializeStun({ ...message, attributes: [...attributes] }, { key }))!;
}

const at = (port: number): TransportAddress => ({ address: '192.0.2.1', port });

const agentWith = (options = {}) =>
  new IceLiteAgent({ localUfrag: 'ours', localPassword: PASSWORD, ...options });

const types = (outputs: IceLiteOutput[]) => outputs.map((output) => output.type);

function answer(outputs: IceLiteOutput[]): ReceivedStunMessage {
  const sent = outputs.find((output) => output.type === 'send')!;
  return parseStun(sent.data)!;
}

function errorOf(outputs: IceLiteOutput[]): number | undefined {
  const value = stunAttribute(answer(outputs), StunAttributeType.errorCode);
  return value && parseErrorCode(value);
}

describe('IceLiteAgent answers', () => {
  it('a valid check with success, the mapped address and integrity (RFC 8445 section 7.3)', () => {
    const outputs = agentWith().handleRequest(check(), at(5), 0);
    expect(types(outputs)).toEqual(['validated', 'send', 'selected']);
    const response = answer(outputs);
    expect(response.class).toBe('success');
    expect(verifyIntegrity(response, PASSWORD)).toBe(true);
    expect(response.hasFingerprint).toBe(true);
    const mapped = stunAttribute(response, StunAttributeType.xorMappedAddress)!;
    expect(parseXorMappedAddress(mapped, response.transactionId)).toEqual(at(5));
  });

  it.each([
    ['a wrong password with 401 and learns nothing', { password: 'wrong' }, 401],
    ['a check without integrity with 401', { password: undefined }, 401],
    ['a peer that thinks it is controlled with 487 (section 7.3.1.1)', { role: 'controlled' as const }, 487],
    ['an attribute it must understand and does not with 420', { extra: 0x0019 }, 420],
    ['a check without PRIORITY with 400', { withoutPriority: true }, 400],
  ])('%s', (_, options, code) => {
    const agent = agentWith();
    const outputs = agent.handleRequest(check(options), at(5), 0);
    expect(errorOf(outputs)).toBe(code);
    expect(types(outputs)).toEqual(['send']);
    expect([agent.selected, agent.state]).toEqual([undefined, 'new']);
  });

  it('ignores what may be ignored: optional attributes and messages that are no Binding request', () => {
    const agent = agentWith();
    expect(answer(agent.handleRequest(check({ extra: 0xc057 }), at(5), 0)).class).toBe('success');
    const indication = { ...check(), class: 'indication' as const };
    expect(agent.handleRequest(indication, at(6), 0)).toEqual([]);
  });
});

describe('IceLiteAgent selects', () => {
  it('the first valid pair, then a nominated one, then a nominated one of higher priority', () => {
    const agent = agentWith();
    agent.handleRequest(check({ priority: 900 }), at(1), 0);
    expect(agent.selected).toEqual(at(1));
    agent.handleRequest(check({ priority: 950 }), at(2), 10);
    expect(agent.selected).toEqual(at(1));
    agent.handleRequest(check({ priority: 500, nominate: true }), at(3), 20);
    expect(agent.selected).toEqual(at(3));
    agent.handleRequest(check({ priority: 400, nominate: true }), at(4), 30);
    expect(agent.selected).toEqual(at(3));
    agent.handleRequest(check({ priority: 600, nominate: true }), at(5), 40);
    expect(agent.selected).toEqual(at(5));
  });

  it('a new address of lower priority once the old one has fallen silent', () => {
    const agent = agentWith();
    agent.handleRequest(check({ priority: 900, nominate: true }), at(1), 0);
    expect(types(agent.handleRequest(check({ priority: 100, nominate: true }), at(2), 2000))).not.toContain(
      'selected',
    );
    const outputs = agent.handleRequest(check({ priority: 100, nominate: true }), at(2), 4000);
    expect(outputs).toContainEqual({ type: 'selected', remote: at(2) });
  });

  it('says nothing new when a check is repeated', () => {
    const agent = agentWith();
    agent.handleRequest(check({ nominate: true }), at(1), 0);
    expect(types(agent.handleRequest(check({ nominate: true }), at(1), 50))).toEqual(['send']);
  });

  it('keeps a bounded number of addresses and never forgets the one in use', () => {
    const agent = agentWith({ maxPairs: 3 });
    agent.handleRequest(check({ nominate: true }), at(1), 0);
    for (let port = 2; port < 20; port++) agent.handleRequest(check(), at(port), port);
    expect(agent.remotes).toHaveLength(3);
    expect(agent.remotes).toContainEqual(at(1));
    expect(agent.selected).toEqual(at(1));
  });
});

describe('IceLiteAgent watches consent (RFC 7675)', () => {
  it('which ends 30 s after the last check from any address, once, and comes back with the next check', () => {
    const agent = agentWith();
    expect(agent.nextTimeoutAt).toBeUndefined();
    agent.handleRequest(check({ nominate: true }), at(1), 0);
    agent.handleRequest(check(), at(2), 5000);
    expect(agent.nextTimeoutAt).toBe(35_000);
    expect(agent.handleTimeout(34_999)).toEqual([]);
    expect(agent.handleTimeout(35_000)).toEqual([{ type: 'consent-lost' }]);
    expect([agent.state, agent.nextTimeoutAt]).toEqual(['disconnected', undefined]);
    agent.handleRequest(check(), at(1), 40_000);
    expect(agent.state).toBe('connected');
  });
});
