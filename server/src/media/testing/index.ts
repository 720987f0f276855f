export { FakeLeg, FakeMedia, fakeSdp } from './fake-media.ts';
