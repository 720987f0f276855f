import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { titleScreen } from '../phone/index.ts';
import { explain } from '../state/messages.ts';
import type { Resource } from '../state/resource.ts';
import { href } from '../state/router.ts';
import { texts } from '../texts/index.ts';
import { Button } from './button.tsx';
import { ErrorLine } from './field.tsx';
import { Icon, type IconName } from './icon.tsx';

/** Lets keyboard and screen reader start at the title, unless a field has taken the focus. */
export function focusTitle(title: HTMLElement | null): void {
  if (!(document.activeElement instanceof HTMLInputElement)) title?.focus({ preventScroll: true });
}

/** A screen below the navigation: its title takes the focus, so that keyboard and screen reader start there. */
export function Screen(props: {
  title: string;
  lead?: string;
  backTo?: string[];
  hideTitle?: boolean;
  wide?: boolean;
  children: ComponentChildren;
}) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => focusTitle(title.current), []);
  useEffect(() => titleScreen(props.title), [props.title]);
  return (
    <div class={`content ${props.wide ? 'wide' : ''}`}>
      <div class={props.hideTitle ? '' : 'screen-head'}>
        {props.backTo && (
          <div>
            <a class="button plain small flush" href={href(...props.backTo)}>
              <Icon name="back" size={18} />
              {texts.common.back}
            </a>
          </div>
        )}
        <h1 ref={title} tabIndex={-1} class={props.hideTitle ? 'visually-hidden' : ''}>
          {props.title}
        </h1>
        {props.lead && <p class="soft">{props.lead}</p>}
      </div>
      {props.children}
    </div>
  );
}

export function Empty(props: { icon: IconName; title: string; lead: string }) {
  return (
    <div class="card empty">
      <span class="mark good">
        <Icon name={props.icon} size={28} />
      </span>
      <h2>{props.title}</h2>
      <p>{props.lead}</p>
    </div>
  );
}

/** Shows a list of the server, or why it is not there. */
export function Loaded<T>(props: { resource: Resource<T>; children: (value: T) => ComponentChildren }) {
  const value = props.resource.value.value;
  const error = props.resource.error.value;
  if (value !== undefined) return <>{props.children(value)}</>;
  if (!error) return <p class="soft">{texts.common.loading}</p>;
  // The events' connection fetches everything anew as soon as it is back: nothing to do here.
  if (error.status === 0) return <p class="soft">{texts.common.whenConnected}</p>;
  return (
    <div class="stack">
      <ErrorLine text={explain(error)} />
      <div>
        <Button kind="quiet" onClick={() => void props.resource.refresh()}>
          {texts.common.retry}
        </Button>
      </div>
    </div>
  );
}
