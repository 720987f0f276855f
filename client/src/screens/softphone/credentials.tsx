import type { SipCredentials } from '../../api/types.ts';
import { texts } from '../../texts/index.ts';
import { CopyButton } from '../../ui/copy-button.tsx';

/** What is typed into a softphone that reads no code. */
export function Credentials(props: { sip: SipCredentials }) {
  const { sip } = props;
  const rows: Array<[string, string]> = [
    [texts.devices.server, sip.server],
    [texts.devices.domain, sip.domain],
    [texts.devices.user, sip.user],
    [texts.devices.password, sip.password],
  ];
  return (
    <section class="stack tight" aria-labelledby="by-hand">
      <h2 id="by-hand">{texts.devices.byHand}</h2>
      <p class="soft small">{texts.devices.credentialsOnce}</p>
      <dl class="card credentials">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
            <dd class="tool">
              <CopyButton value={value} label={`${texts.common.copy}: ${name}`} />
            </dd>
          </div>
        ))}
        <div>
          <dt>{texts.devices.transport}</dt>
          <dd>{texts.devices.transportValue}</dd>
        </div>
      </dl>
    </section>
  );
}
