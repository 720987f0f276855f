import { Registerer, RegistererState, SessionState, UserAgent } from 'sip.js';

/** SIP.js as its documentation has it. */
export class Phone {
  #tell;
  #play;
  #agent;
  #registerer;
  #invitation;

  constructor({ tell, play }) {
    this.#tell = tell;
    this.#play = play;
  }

  async register({ url, user, password, domain }) {
    this.#agent = new UserAgent({
      uri: UserAgent.makeURI(`sip:${user}@${domain}`),
      transportOptions: { server: url },
      authorizationUsername: user,
      authorizationPassword: password,
      sessionDescriptionHandlerFactoryOptions: {
        peerConnectionConfiguration: { iceServers: [] },
        iceGatheringTimeout: 1000,
      },
      delegate: { onInvite: (invitation) => this.#incoming(invitation) },
      logBuiltinEnabled: false,
    });
    await this.#agent.start();
    this.#registerer = new Registerer(this.#agent, { expires: 60 });
    this.#registerer.stateChange.addListener((state) => {
      if (state === RegistererState.Unregistered) this.#tell('unregistered');
    });
    await this.refresh();
  }

  #incoming(invitation) {
    this.#invitation = invitation;
    this.#tell('incoming');
    invitation.stateChange.addListener((state) => {
      if (state === SessionState.Established) {
        const { receiver } = invitation.sessionDescriptionHandler.peerConnection.getTransceivers()[0];
        this.#play(receiver.track);
        this.#tell('established');
      }
      if (state === SessionState.Terminated) this.#tell('ended');
    });
  }

  answer() {
    return this.#invitation.accept({
      sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } },
    });
  }

  reject() {
    return this.#invitation.reject({ statusCode: 486 });
  }

  hangUp() {
    return this.#invitation.bye();
  }

  refresh() {
    return this.#registerer.register({
      requestDelegate: {
        onAccept: () => this.#tell('registered'),
        onReject: ({ message }) => this.#tell(`refused: ${message.statusCode}`),
      },
    });
  }

  async unregister() {
    await this.#registerer.unregister();
    await new Promise((resolve) => {
      this.#registerer.stateChange.addListener(resolve, { once: true });
    });
    await this.#agent.stop();
  }
}
