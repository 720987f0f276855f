export { computeHa1, type DigestAlgorithm, digestResponse, type Ha1 } from './digest.ts';
export { answerChallenge, type ChallengeAnswer, challengeNonce } from './digest-client.ts';
export { DigestServer, type DigestServerOptions, type DigestVerdict } from './digest-server.ts';
export { HmacSha256 } from './hmac.ts';
