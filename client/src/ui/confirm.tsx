import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { texts } from '../texts/index.ts';
import { Button } from './button.tsx';

/** Asks before something is done that cannot be undone. Closes by Escape. */
export function Confirm(props: {
  title: string;
  children: ComponentChildren;
  yes: string;
  busy: boolean;
  onYes: () => void;
  onNo: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={props.onNo}>
      <div class="stack">
        <h2 id={id}>{props.title}</h2>
        {props.children}
      </div>
      <div class="dialog-buttons">
        <Button kind="quiet" onClick={() => dialog.current?.close()}>
          {texts.common.cancel}
        </Button>
        <Button kind="danger" busy={props.busy} onClick={props.onYes}>
          {props.yes}
        </Button>
      </div>
    </dialog>
  );
}
