export type * from './network.ts';
export type {
  Clock,
  Endpoint,
  Flow,
  SipLimits,
  StackLog,
  Target,
  TimerConfig,
  TransportProtocol,
  WebSocketLike,
} from './types.ts';
