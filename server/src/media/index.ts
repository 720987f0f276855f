export { EmbeddedMediaPlane, type EmbeddedMediaPlaneOptions } from './embedded/embedded-media-plane.ts';
export { MediaListenError, type MediaLog } from './embedded/worker-client.ts';
export * from './media-plane.ts';
export { SessionMedia } from './session-media.ts';
