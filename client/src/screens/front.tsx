import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { titleScreen } from '../phone/index.ts';
import { href } from '../state/router.ts';
import { signedOutUnasked } from '../state/session.ts';
import { texts } from '../texts/index.ts';
import { Icon } from '../ui/icon.tsx';
import { LanguageSelect } from '../ui/language-select.tsx';
import { Logo, Mark } from '../ui/logo.tsx';
import { focusTitle } from '../ui/screen.tsx';

/** The frame of everything before the login. */
export function Front(props: { title: string; lead?: string; children: ComponentChildren }) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => focusTitle(title.current), [props.title]);
  useEffect(() => titleScreen(props.title), [props.title]);
  return (
    <div class="front">
      <header class="front-brand">
        <a href={href()} class="logo-link">
          <Logo />
        </a>
        <div class="front-promise">
          <Mark />
          <p>{texts.welcome.slogan}</p>
        </div>
      </header>
      <main class="front-main stack loose" id="content" tabIndex={-1}>
        <div class="stack tight">
          <h1 ref={title} tabIndex={-1}>
            {props.title}
          </h1>
          {props.lead && <p class="soft">{props.lead}</p>}
        </div>
        {props.children}
      </main>
    </div>
  );
}

export function Welcome() {
  const promises = [texts.welcome.promise1, texts.welcome.promise2, texts.welcome.promise3];
  return (
    <Front title={texts.welcome.title} lead={texts.welcome.lead}>
      {signedOutUnasked.value && (
        <p class="told" role="status">
          {texts.reach.refusedMore}
        </p>
      )}
      <ul class="stack promises">
        {promises.map((promise) => (
          <li class="row" key={promise}>
            <span class="mark good">
              <Icon name="check" size={20} />
            </span>
            <span>{promise}</span>
          </li>
        ))}
      </ul>
      <div class="stack">
        <a class="button" href={href('sign-up')}>
          {texts.welcome.signUp}
        </a>
        <a class="button quiet" href={href('log-in')}>
          {texts.welcome.logIn}
        </a>
      </div>
      <LanguageSelect />
    </Front>
  );
}
