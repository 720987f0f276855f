export { clientAddress } from './client-address.ts';
export type { ApiServices, CallEntry, CallHistory, VoicemailEntry, Voicemails } from './context.ts';
export { redirectToHttps } from './https-redirect.ts';
export type { GaugeSource } from './metrics.ts';
export { createHttpServer, type HttpServer, type HttpServerOptions } from './server.ts';
export {
  type AttachedWebSocket,
  SipWebSocket,
  type SipWebSocketOptions,
  type WebSocketRemote,
} from './sip-websocket.ts';
export { type WebCertificate, WebServers } from './web-servers.ts';
