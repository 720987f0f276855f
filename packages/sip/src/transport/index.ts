export { systemClock } from './clock.ts';
export type { StackCounters } from './counters.ts';
export type * from './network.ts';
export { NodeNetwork } from './node-network.ts';
export type {
  Clock,
  Endpoint,
  Flow,
  SocketProtocol,
  StackLimits,
  StackLog,
  Target,
  TimerConfig,
  TransportProtocol,
  WebSocketLike,
} from './types.ts';
