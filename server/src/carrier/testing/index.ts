export { mutedCarrier, VoiceWorld, voiceCarrier } from './voice-world.ts';
