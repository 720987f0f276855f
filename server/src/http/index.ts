export { clientAddress } from './client-address.ts';
export type { ApiServices, CallEntry, CallHistory, VoicemailEntry, Voicemails } from './context.ts';
export type { GaugeSource } from './metrics.ts';
export { createHttpServer, type HttpServerOptions } from './server.ts';
export { SipWebSocket, type SipWebSocketOptions } from './sip-websocket.ts';
