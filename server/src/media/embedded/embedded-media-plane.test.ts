import { describeMediaPlane } from '../contract.test-suite.ts';
import { EmbeddedMediaPlane } from './embedded-media-plane.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };

describeMediaPlane('EmbeddedMediaPlane', (options) =>
  EmbeddedMediaPlane.start({ host: '127.0.0.1', webrtcPort: 0, log, ...options }),
);
