/** Fixtures for tests of whatever uses this package: a clock and a network that a test holds in its hands. */
export { type Budget, ExecutionCount, fuzzBudget, fuzzTimeoutMs } from './budget.ts';
export { TestAuthority } from './certificates.ts';
export { type Conditions, MemoryNetwork, type TracedPacket } from './memory-network.ts';
export { MemoryWebSocket } from './memory-web-socket.ts';
export { seededRandom } from './random.ts';
export { RawPeer } from './raw-peer.ts';
export { VirtualClock } from './virtual-clock.ts';
