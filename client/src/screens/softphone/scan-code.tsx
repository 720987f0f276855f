import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../../api/client.ts';
import type { Device } from '../../api/types.ts';
import { formatDuration } from '../../format/time.ts';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { ErrorLine } from '../../ui/field.tsx';
import { QrCode } from '../../ui/qr.tsx';
import { useAction } from '../../ui/use-action.ts';
import { useNow } from '../../ui/use-now.ts';

/** The address of the softphone's configuration as Linphone's camera takes it. Good once, for some minutes. */
export function ScanCode(props: { device: Device; fresh: boolean }) {
  const { device } = props;
  const link = useSignal<{ url: string; expiresAt: number } | undefined>(undefined);
  const wasRegistered = useSignal(device.registered);
  const action = useAction();
  const left = (link.value?.expiresAt ?? 0) - useNow();
  const make = () =>
    action.run(async () => {
      const { path, expiresAt } = await api.setUpLink(device.id);
      wasRegistered.value = device.registered;
      link.value = { url: location.origin + path, expiresAt };
    });
  useEffect(() => {
    if (props.fresh) void make();
  }, []);
  /** It has registered since the code was shown, or the code's time is over. */
  const over = left <= 0 || (device.registered && !wasRegistered.value);
  return (
    <section class="stack" aria-labelledby="scan">
      <div class="stack tight">
        <h2 id="scan">{texts.devices.scan}</h2>
        <p class="soft small">{texts.devices.scanLead}</p>
      </div>
      {link.value && !over && (
        <div class="card scan">
          <QrCode text={link.value.url} alt={texts.devices.scanAlt} />
          <div class="stack tight grow">
            <p class="small">{texts.devices.scanOnce(formatDuration(left))}</p>
            <div>
              <CopyButton value={link.value.url} label={texts.devices.copyScan} kind="quiet small">
                {texts.devices.copyScan}
              </CopyButton>
            </div>
          </div>
        </div>
      )}
      {link.value && over && (
        <p class="soft small" role="status">
          {device.registered ? texts.devices.registered : texts.devices.scanOver}
        </p>
      )}
      <ErrorLine text={action.error.value} />
      {(!link.value || over) && (
        <div>
          <Button kind="quiet" busy={action.busy.value} onClick={() => void make()}>
            {texts.devices.scanNew}
          </Button>
        </div>
      )}
    </section>
  );
}
