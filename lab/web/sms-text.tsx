import { act, notice } from './store.ts';

const link = /(https?:\/\/[^\s]+)/;
/** What people are asked to type somewhere. */
const code = /(?<![\d+])\d{6,10}(?!\d)/;

/** The words of an SMS: links can be opened, a code can be copied. */
export function SmsText({ text }: { text: string }) {
  const found = code.exec(text.replace(new RegExp(link, 'g'), ''))?.[0];
  return (
    <>
      <p class="sms-text">
        {text.split(link).map((part, index) =>
          link.test(part) ? (
            <a key={index} href={part} target="_blank" rel="noopener">
              {part}
            </a>
          ) : (
            part
          ),
        )}
      </p>
      {found !== undefined && (
        <button type="button" class="copy" onClick={() => void act(() => copy(found))}>
          Copy {found}
        </button>
      )}
    </>
  );
}

async function copy(text: string): Promise<void> {
  const done = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  notice.value = done
    ? { kind: 'hint', text: `${text} is copied.` }
    : { kind: 'error', text: `This browser does not copy here. The code is ${text}.` };
}
