import { api } from '../api/client.ts';
import type { Notice } from '../api/types.ts';
import { formatWhen } from '../format/time.ts';
import { resources } from '../state/data.ts';
import { explain, say } from '../state/messages.ts';
import { href } from '../state/router.ts';
import { texts } from '../texts/index.ts';
import { IconButton } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { numberText } from '../ui/number.tsx';

/** What the service has to tell, until the person has seen it. */
export function Notices() {
  const unseen = resources.notices.value.value?.filter((notice) => notice.seenAt === null) ?? [];
  if (unseen.length === 0) return null;
  const dismiss = async (notice: Notice) => {
    try {
      await api.seeNotice(notice.id);
    } catch (error) {
      say(explain(error), 'bad');
    }
    await resources.notices.refresh();
  };
  return (
    <ul class="list" aria-label={texts.notices.label}>
      {unseen.map((notice) => (
        <li class="item" key={notice.id}>
          <span class="mark warm">
            <Icon name="info" />
          </span>
          <div class="grow stack tight">
            <p class="small">
              {noticeText(notice)} <span class="soft num">{formatWhen(notice.createdAt)}</span>
            </p>
            {forwardingOf(notice) && (
              <div>
                <a class="button quiet small" href={href('numbers', forwardingOf(notice) ?? '', 'forward')}>
                  {texts.notices.open}
                </a>
              </div>
            )}
          </div>
          <IconButton icon="close" label={texts.notices.dismiss} onClick={() => void dismiss(notice)} />
        </li>
      ))}
    </ul>
  );
}

/** The number whose forwarding wants looking at. */
function forwardingOf(notice: Notice): string | undefined {
  return notice.code.startsWith('forwarding-') ? textOf(notice, 'number') : undefined;
}

function noticeText(notice: Notice): string {
  const number = textOf(notice, 'number') ?? textOf(notice, 'caller');
  if (notice.code === 'number-lost') return texts.notices['number-lost'](numberText(number));
  if (notice.code === 'carrier-voicemail') return texts.notices['carrier-voicemail'](numberText(number));
  if (notice.code === 'missed-call') return texts.notices['missed-call'](numberText(number));
  if (notice.code === 'forwarding-lost') return texts.notices['forwarding-lost'](numberText(number));
  if (notice.code === 'forwarding-failed') return texts.notices['forwarding-failed'](numberText(number));
  if (notice.code === 'password-reset') return texts.notices['password-reset'](numberText(number));
  if (notice.code === 'session-revoked') {
    return texts.notices['session-revoked'](textOf(notice, 'device') ?? '');
  }
  return texts.notices.fallback;
}

function textOf(notice: Notice, key: string): string | undefined {
  const value = notice.data?.[key];
  return typeof value === 'string' ? value : undefined;
}
