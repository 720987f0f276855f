import type { ComponentChildren } from 'preact';
import { type IconName, Icon as Picture } from './icon.tsx';

export interface ButtonProps {
  children: ComponentChildren;
  kind?: string;
  icon?: IconName;
  type?: 'button' | 'submit';
  /** While true it stays focusable, says so, and does nothing. */
  busy?: boolean;
  /** Accessible name, when the words on it do not say enough. */
  label?: string;
  onClick?: () => void;
}

/** `kind`: classes of `components.css`, e.g. `quiet small`. */
export function Button(props: ButtonProps) {
  return (
    <button
      type={props.type ?? 'button'}
      class={`button ${props.kind ?? ''}`}
      aria-disabled={props.busy ? 'true' : undefined}
      aria-label={props.label}
      onClick={(event) => {
        if (props.busy) event.preventDefault();
        else props.onClick?.();
      }}
    >
      {props.icon && <Picture name={props.icon} size={20} />}
      {props.children}
    </button>
  );
}

export function IconButton(props: {
  icon: IconName;
  label: string;
  solid?: boolean;
  onClick: () => void;
  class?: string;
}) {
  return (
    <button
      type="button"
      class={`icon-button ${props.solid ? 'solid' : ''} ${props.class ?? ''}`}
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      <Picture name={props.icon} />
    </button>
  );
}
