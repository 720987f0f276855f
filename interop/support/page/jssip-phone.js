import JsSIP from 'jssip';

const answer = {
  mediaConstraints: { audio: true, video: false },
  pcConfig: { iceServers: [] },
};

/** JsSIP as its documentation has it. */
export class Phone {
  #tell;
  #play;
  #ua;
  #session;

  constructor({ tell, play }) {
    this.#tell = tell;
    this.#play = play;
  }

  register({ url, user, password, domain }) {
    const sockets = new JsSIP.WebSocketInterface(url);
    this.#ua = new JsSIP.UA({ sockets, uri: `sip:${user}@${domain}`, password, register_expires: 60 });
    for (const event of ['registered', 'unregistered', 'registrationFailed', 'disconnected']) {
      this.#ua.on(event, () => this.#tell(event));
    }
    this.#ua.on('newRTCSession', ({ session }) => this.#incoming(session));
    this.#ua.start();
  }

  #incoming(session) {
    this.#session = session;
    this.#tell('incoming');
    session.on('peerconnection', ({ peerconnection }) => {
      peerconnection.addEventListener('track', ({ track }) => this.#play(track));
    });
    session.on('confirmed', () => this.#tell('established'));
    session.on('ended', () => this.#tell('ended'));
    session.on('failed', ({ cause }) => this.#tell(`ended: ${cause}`));
  }

  answer() {
    this.#session.answer(answer);
  }

  reject() {
    this.#session.terminate({ status_code: 486 });
  }

  hangUp() {
    this.#session.terminate();
  }

  refresh() {
    this.#ua.register();
  }

  unregister() {
    this.#ua.stop();
  }
}
