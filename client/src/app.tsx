import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { isLive, phoneState } from './phone/index.ts';
import { CallLayer, pickCalls } from './screens/call-layer.tsx';
import { Calls } from './screens/calls.tsx';
import { ChangePassword } from './screens/change-password.tsx';
import { CloseAccount, CloseAccountByProof } from './screens/close-account.tsx';
import { Devices } from './screens/devices.tsx';
import { Forwarding } from './screens/forwarding/index.ts';
import { Welcome } from './screens/front.tsx';
import { Home } from './screens/home.tsx';
import { callMinimised } from './screens/in-call.tsx';
import { LinkNumber } from './screens/link-number.tsx';
import { LogIn, LogInByProof } from './screens/log-in.tsx';
import { Numbers } from './screens/numbers.tsx';
import { ConfirmLink } from './screens/proof/index.ts';
import { ResetPassword } from './screens/reset-password.tsx';
import { Settings } from './screens/settings.tsx';
import { SignUp } from './screens/sign-up.tsx';
import { AddSoftphone, SetUpSoftphone } from './screens/softphone/index.ts';
import { Voicemail } from './screens/voicemail.tsx';
import { unheardCount } from './state/data.ts';
import { toast } from './state/messages.ts';
import { href, route } from './state/router.ts';
import { sessionStatus } from './state/session.ts';
import { texts } from './texts/index.ts';
import { language } from './texts/language.ts';
import { Icon, type IconName } from './ui/icon.tsx';
import { Logo } from './ui/logo.tsx';
import { focusTitle } from './ui/screen.tsx';

export function App() {
  const status = sessionStatus.value;
  if (status === 'unknown') return <Splash />;
  // Another language draws everything anew: every word on the screen changes.
  const drawn = language.value;
  const [page, id, token] = route.value;
  if (page === 'confirm' && id && token) return <ConfirmLink key={drawn} id={id} token={token} />;
  return (
    <>
      {status === 'in' ? <Inside key={drawn} /> : <Outside key={drawn} />}
      <div class="toast-region" role="status">
        {toast.value && <p class="toast">{toast.value.text}</p>}
      </div>
    </>
  );
}

function Splash() {
  return (
    <div class="splash" role="status" aria-label={texts.common.loading}>
      <Logo />
    </div>
  );
}

function Outside() {
  const [first, second] = route.value;
  if (first === 'sign-up') return <SignUp />;
  if (first === 'log-in') {
    if (second === 'reset') return <ResetPassword />;
    return second === 'code' ? <LogInByProof /> : <LogIn />;
  }
  return <Welcome />;
}

function screenFor(parts: string[]): ComponentChildren {
  const [first, second, third] = parts;
  switch (first) {
    case 'calls':
      return <Calls />;
    case 'voicemail':
      return <Voicemail />;
    case 'numbers':
      if (second === 'link') return <LinkNumber />;
      return second && third === 'forward' ? <Forwarding number={second} /> : <Numbers />;
    case 'settings':
      if (second === 'password') return <ChangePassword />;
      if (second === 'close') return third === 'prove' ? <CloseAccountByProof /> : <CloseAccount />;
      if (second !== 'devices') return <Settings />;
      if (third === 'add') return <AddSoftphone />;
      return third ? <SetUpSoftphone id={third} /> : <Devices />;
    default:
      return <Home />;
  }
}

function Inside() {
  const parts = route.value;
  const { main, waiting } = pickCalls(phoneState.value.calls);
  const unanswered =
    main?.phase === 'ended' && main.answeredAt === undefined && main.direction === 'incoming';
  const covered = main !== undefined && !unanswered && !(callMinimised.value && isLive(main) && !waiting);
  const wasCovered = useRef(false);
  useEffect(() => {
    // The call's screen took the focus with it: keyboard and screen reader go on at the title below.
    if (wasCovered.current && !covered) focusTitle(document.querySelector<HTMLElement>('#content h1'));
    wasCovered.current = covered;
  }, [covered]);
  return (
    <>
      <div class="shell" inert={covered}>
        <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
          {texts.common.skipToContent}
        </button>
        {!covered && <CallLayer />}
        <header class="topbar">
          <Logo />
        </header>
        <Navigation current={parts[0] ?? 'home'} />
        <main id="content" tabIndex={-1} key={parts.join('/')}>
          {screenFor(parts)}
        </main>
      </div>
      {covered && <CallLayer />}
    </>
  );
}

const places: Array<{ route: 'home' | 'calls' | 'voicemail' | 'numbers' | 'settings'; icon: IconName }> = [
  { route: 'home', icon: 'home' },
  { route: 'calls', icon: 'calls' },
  { route: 'voicemail', icon: 'voicemail' },
  { route: 'numbers', icon: 'numbers' },
  { route: 'settings', icon: 'settings' },
];

function Navigation(props: { current: string }) {
  return (
    <nav class="nav" aria-label={texts.nav.label}>
      <div class="nav-brand">
        <Logo />
      </div>
      <ul>
        {places.map((place) => (
          <li key={place.route}>
            <a href={href(place.route)} aria-current={place.route === props.current ? 'page' : undefined}>
              <span class="icon-wrap">
                <Icon name={place.icon} />
                {place.route === 'voicemail' && unheardCount.value > 0 && (
                  <span class="badge">
                    {unheardCount.value}
                    <span class="visually-hidden"> {texts.nav.unheard(unheardCount.value)}</span>
                  </span>
                )}
              </span>
              {texts.nav[place.route]}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
