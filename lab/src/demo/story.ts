import { eventually, within } from './eventually.ts';
import { Softphone } from './softphone.ts';
import { callerUk, callerUs, StorySteps, uk, us } from './story-steps.ts';
import { WebDevice } from './web-device.ts';

/** The whole story of the first issue, step by step; each step checks what it promises. */
export class Story extends StorySteps {
  async tell(): Promise<void> {
    await this.#account();
    await this.#forwarding();
    await this.#register();
    await this.#answeredInBrowser();
    await this.#answeredOnSoftphone();
    await this.#callerGivesUp();
    await this.#voicemail();
    await this.#missedCall();
    await this.#notLinked();
    await this.#nobodyThere();
  }

  async #account(): Promise<void> {
    const { person, timeline, origin } = this.o;
    timeline.chapter('Sign-up: two SIMs of two carriers, codes by SMS on the lab’s handsets');
    const first = await person.signUp(us, 'Browser 1');
    timeline.line(`account with ${us}`);
    await person.link(uk);
    timeline.line(`${uk} linked`);
    const second = await person.logIn(us, 'Browser 2');
    const softphone = await person.addSoftphone('Softphone');
    this.browsers = [new WebDevice('Browser 1', first, origin), new WebDevice('Browser 2', second, origin)];
    this.softphone = new Softphone('Softphone', softphone);
    const numbers = await person.numbers();
    timeline.check(
      'both numbers are there, the first is primary',
      numbers.length === 2 && numbers.some((one) => one.number === us && one.primary),
    );
  }

  async #forwarding(): Promise<void> {
    const { person, network, timeline } = this.o;
    timeline.chapter('Forwarding: the codes the client shows, dialled on the handsets');
    for (const { number, forwarding } of await person.numbers()) {
      if (forwarding === null) throw new Error(`There is no forwarding code for ${number}.`);
      await network.dialCode(number, forwarding.commands.activate);
      timeline.line(`${number} dials ${forwarding.commands.activate}`);
    }
    const { forwardings } = await network.handset(us);
    timeline.check(
      'the switch forwards busy, unanswered and unreachable calls',
      Object.keys(forwardings).length === 3,
    );
  }

  async #register(): Promise<void> {
    const { person, timeline, network } = this.o;
    timeline.chapter('Three devices register: two WebRTC (JsSIP, werift), one SIP softphone over UDP');
    for (const device of this.devices) {
      await within(`${device.name} registers`, 5000, device.register());
      timeline.line(`${device.name} registered`);
    }
    const registered = (await person.devices()).filter((one) => one.registered).length;
    timeline.check('the account shows three registered devices', registered === 3, `${registered}`);
    await network.setCoverage(us, 'no-coverage');
    await network.setCoverage(uk, 'off');
    timeline.line(`${us} is out of coverage, ${uk} is switched off`);
  }

  async #answeredInBrowser(): Promise<void> {
    const { timeline, network } = this.o;
    timeline.chapter(`Call 1: ${callerUs} dials ${us}; a browser answers and hangs up`);
    const call = await network.call(callerUs, us);
    const arrival = await this.ringAll(call, { called: us, caller: callerUs });
    const winner = this.ringing[0]!;
    await this.converse(call, winner);
    winner.hangUp();
    const bye = await call.message('BYE');
    timeline.line(`${winner.device} hangs up`, bye.at);
    const ended = await call.reached('ended', 3000);
    timeline.line('end: the caller is released', ended.endedAt ?? 0);
    timeline.check('the caller was released normally', ended.release?.q850 === 16, ended.release?.text);
    await this.logged({
      since: arrival,
      outcome: 'answered',
      number: us,
      client: 'opus',
      carrier: 'PCMU',
      reason: 'unreachable',
    });
  }

  async #answeredOnSoftphone(): Promise<void> {
    const { timeline, network } = this.o;
    timeline.chapter(
      `Call 2: ${callerUk} dials ${uk} (History-Info); the softphone answers, the caller hangs up`,
    );
    const call = await network.call(callerUk, uk);
    const arrival = await this.ringAll(call, { called: uk, caller: callerUk });
    const winner = this.ringing.find((one) => one.device === 'Softphone')!;
    await this.converse(call, winner);
    await call.hangUp();
    const end = await within('the softphone is released', 3000, winner.ended);
    timeline.line('end: the caller hung up, the softphone is released', end.at);
    await this.logged({
      since: arrival,
      outcome: 'answered',
      number: uk,
      client: winner.codec ?? '',
      carrier: 'PCMA',
      reason: 'unreachable',
    });
  }

  async #callerGivesUp(): Promise<void> {
    const { timeline, network } = this.o;
    timeline.chapter('Call 3: the caller gives up while all ring');
    const call = await network.call(callerUs, us);
    const arrival = await this.ringAll(call, { called: us, caller: callerUs });
    await call.hangUp();
    await this.allStop('caller gave up', (cause) => cause !== 200);
    await this.logged({ since: arrival, outcome: 'missed', number: us });
  }

  async #voicemail(): Promise<void> {
    const { timeline, network, person } = this.o;
    timeline.chapter('Call 4: one device declines for all; greeting, beep, message');
    const before = (await person.voicemails()).length;
    const call = await network.call(callerUs, us);
    const arrival = await this.ringAll(call, { called: us, caller: callerUs });
    this.ringing[1]!.reject(603);
    await this.allStop('declined elsewhere', (cause) => cause === 603, { except: this.ringing[1] });
    await this.leaveMessage(call);
    const stored = await this.storedMessage(before);
    await this.checkAudio(stored.record);
    await this.logged({ since: arrival, outcome: 'voicemail', number: us });
  }

  async #missedCall(): Promise<void> {
    const { timeline, network, person, ringTimeoutSeconds } = this.o;
    timeline.chapter(
      `Call 5: a browser loses its network and comes back while it rings; nobody accepts within ${ringTimeoutSeconds} s`,
    );
    const before = (await person.voicemails()).length;
    const [stays, comesBack] = this.browsers;
    if (stays === undefined || comesBack === undefined) throw new Error('There are no browsers.');
    comesBack.loseNetwork();
    await this.registered(2);
    // Before the call, from whose arrival the times count.
    timeline.note(`${comesBack.name} has lost its connection and is deregistered`);
    const late = comesBack.nextCall();
    const call = await network.call(callerUs, us);
    const others = this.devices.filter((one) => one !== comesBack);
    const arrival = await this.ringAll(call, { called: us, caller: callerUs }, others);
    const lateCall = await within(`${comesBack.name} joins`, ringTimeoutSeconds * 1000, late);
    timeline.line(`${comesBack.name} is back, registers by itself and joins the ringing`, lateCall.arrivedAt);
    this.ringing.push(lateCall);
    await this.allStop('time over', (cause) => cause === 480, { limitMs: (ringTimeoutSeconds + 3) * 1000 });
    const answered = await call.reached('active', 3000);
    timeline.line('voicemail answers', answered.answeredAt ?? 0);
    await call.hangUp();
    timeline.line('the caller hangs up without a word');
    await this.logged({ since: arrival, outcome: 'missed', number: us });
    timeline.check('no message was stored', (await person.voicemails()).length === before);
  }

  async #notLinked(): Promise<void> {
    const { timeline, network } = this.o;
    timeline.chapter(`Call 6: ${callerUk} forwards to the C number too, but nobody has linked it`);
    await network.dialCode(callerUk, '**21*+447700900999#');
    const call = await network.call(callerUs, callerUk);
    const ended = await call.reached('ended', 3000);
    timeline.from(ended.startedAt);
    timeline.line(`refused: ${ended.release?.text}`, ended.endedAt ?? 0);
    timeline.check('refused as a number that is not in service (404)', ended.release?.q850 === 1);
  }

  async #nobodyThere(): Promise<void> {
    const { timeline, network, person } = this.o;
    timeline.chapter('Call 7: all devices are gone; voicemail at once, and an SMS when the handset is back');
    await this.close();
    await this.registered(0);
    timeline.note('all devices are deregistered');
    const before = (await person.voicemails()).length;
    const call = await network.call(callerUs, us);
    timeline.from((await call.message('INVITE (SDP)')).at);
    await this.leaveMessage(call);
    await this.storedMessage(before);
    const inboxBefore = (await network.handset(us)).inbox.length;
    await eventually('the SMS centre has the message', 10_000, async () =>
      (await network.handset(us)).waitingSms > 0 ? true : undefined,
    );
    timeline.line('the SMS centre keeps an SMS for the handset');
    timeline.check(
      'it is not delivered without coverage',
      (await network.handset(us)).inbox.length === inboxBefore,
    );
    await network.setCoverage(us, 'covered');
    const { inbox } = await network.handset(us);
    timeline.line(`back in coverage, SMS: “${inbox[0]?.text ?? ''}”`);
    timeline.check('the SMS is on the handset', inbox.length === inboxBefore + 1);
  }
}
