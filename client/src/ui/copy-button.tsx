import { useSignal } from '@preact/signals';
import { say } from '../state/messages.ts';
import { texts } from '../texts/index.ts';
import { Button, IconButton } from './button.tsx';

/** Copies `value`; with `children` a button with words, without them an icon. */
export function CopyButton(props: { value: string; label: string; children?: string; kind?: string }) {
  const copied = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.value);
    } catch {
      // No clipboard on an insecure page: the text itself can be selected.
      say(texts.errors.fallback, 'bad');
      return;
    }
    copied.value = true;
    say(texts.common.copied);
    setTimeout(() => {
      copied.value = false;
    }, 2000);
  };
  const icon = copied.value ? 'check' : 'copy';
  if (!props.children) return <IconButton icon={icon} label={props.label} onClick={() => void copy()} />;
  return (
    <Button kind={props.kind ?? 'quiet'} icon={icon} onClick={() => void copy()}>
      {copied.value ? texts.common.copied : props.children}
    </Button>
  );
}
