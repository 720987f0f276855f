import type { NotifyBody } from '@ringthrough/sip';
import type { EventPackage, Telling } from './types.ts';

/** Voice messages of an account. */
export interface MessageCounts {
  /** Not heard yet. */
  new: number;
  old: number;
}

export interface MessageSummaryOptions {
  domain: string;
  counts: (accountId: string) => Promise<MessageCounts>;
}

/** The user that voice messages are called at. */
export const voicemailUser = 'voicemail';

/** Messages that wait, RFC 3842 (R-NOTIFY). */
export class MessageSummary implements EventPackage {
  readonly name = 'message-summary';
  readonly contentType = 'application/simple-message-summary';
  // RFC 3842 section 3.9: not more often than once a second.
  readonly minIntervalMs = 1_000;
  readonly users = [voicemailUser];
  readonly news = ['voicemail.stored', 'voicemail.changed'] as const;
  readonly #options: MessageSummaryOptions;

  constructor(options: MessageSummaryOptions) {
    this.#options = options;
  }

  open({ accountId }: { accountId: string }): Telling {
    let told: string | undefined;
    return {
      state: async (cause) => {
        const summary = await this.summary(accountId);
        if (cause === 'change' && summary.body === told) return undefined;
        told = summary.body;
        return summary;
      },
    };
  }

  /** Section 5.2: the body of a NOTIFY. */
  async summary(accountId: string): Promise<NotifyBody> {
    const counts = await this.#options.counts(accountId);
    const lines = [
      `Messages-Waiting: ${counts.new > 0 ? 'yes' : 'no'}`,
      `Message-Account: sip:${voicemailUser}@${this.#options.domain}`,
      // No urgent ones: some telephones read nothing without this part.
      `Voice-Message: ${counts.new}/${counts.old} (0/0)`,
    ];
    return { contentType: this.contentType, body: lines.map((line) => `${line}\r\n`).join('') };
  }

  /** Whether there is anything to be told without being asked. */
  async isWaiting(accountId: string): Promise<boolean> {
    return (await this.#options.counts(accountId)).new > 0;
  }
}
