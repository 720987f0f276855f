import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { unbroken } from '../format/number.ts';
import { resources } from '../state/data.ts';
import { texts } from '../texts/index.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { Loaded, Screen } from '../ui/screen.tsx';

/** A `tel:` address that opens the dialler with the command; `#` would start a fragment (RFC 3966 escapes it). */
export function dialAddress(command: string): string {
  return `tel:${command.replaceAll('#', '%23')}`;
}

export function Forwarding(props: { number: string }) {
  return (
    <Screen
      title={texts.forwarding.title}
      lead={texts.forwarding.lead(unbroken(props.number))}
      backTo={['numbers']}
    >
      <Loaded resource={resources.account}>
        {(account) => {
          const linked = account.numbers.find((candidate) => candidate.number === props.number);
          if (!linked?.forwarding) return <p class="card">{texts.forwarding.unknown}</p>;
          const { activate, deactivate } = linked.forwarding.commands;
          return <Commands activate={activate} deactivate={deactivate} />;
        }}
      </Loaded>
    </Screen>
  );
}

function Commands(props: { activate: string; deactivate: string }) {
  return (
    <div class="stack loose">
      <ol class="steps">
        <li class="step">{texts.forwarding.step1}</li>
        <li class="step">
          <div class="stack">
            <p>{texts.forwarding.step2}</p>
            <code class="command" data-testid="forwarding-command">
              {props.activate}
            </code>
            <div class="row wrap">
              <CopyButton value={props.activate} label={texts.forwarding.copyCommand}>
                {texts.forwarding.copyCommand}
              </CopyButton>
              <a class="button quiet" href={dialAddress(props.activate)}>
                <Icon name="phone" size={20} />
                {texts.forwarding.call}
              </a>
            </div>
          </div>
        </li>
        <li class="step">{texts.forwarding.step3}</li>
      </ol>
      <p class="soft">{texts.forwarding.meaning}</p>
      <QrCode address={dialAddress(props.activate)} />
      <div class="card row spread">
        <p class="grow">
          {texts.forwarding.off} <strong class="num">{props.deactivate}</strong>
        </p>
        <CopyButton value={props.deactivate} label={texts.forwarding.copyOff} />
      </div>
    </div>
  );
}

/** On a computer: the phone's camera reads the command. Drawn by a library that is loaded only here. */
function QrCode(props: { address: string }) {
  const image = useSignal<string | undefined>(undefined);
  useEffect(() => {
    let current = true;
    void import('qrcode').then(async (library) => {
      const url = await library.default.toDataURL(props.address, { margin: 2, width: 336 });
      if (current) image.value = url;
    });
    return () => {
      current = false;
    };
  }, [props.address, image]);
  return (
    <figure class="wide-only">
      <figcaption class="soft small">{texts.forwarding.scan}</figcaption>
      {image.value && (
        <img class="qr" src={image.value} alt={texts.forwarding.scanAlt} width="168" height="168" />
      )}
    </figure>
  );
}
