import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { explain } from '../../state/messages.ts';
import { confirmByLink } from '../../state/proving.ts';
import { href, replace } from '../../state/router.ts';
import { texts } from '../../texts/index.ts';
import { ErrorLine } from '../../ui/field.tsx';
import { Front } from '../front.tsx';

/** The page that the link of a confirming SMS opens: `#/confirm/<id>/<token>`. */
export function ConfirmLink(props: { id: string; token: string }) {
  const trouble = useSignal<string | undefined>(undefined);
  useEffect(() => {
    confirmByLink(props.id, props.token).then(
      (next) => {
        if (next) replace(...next);
        else trouble.value = texts.prove.linkForeign;
      },
      (error: unknown) => {
        trouble.value = explain(error);
      },
    );
  }, [props.id, props.token, trouble]);
  return (
    <Front title={texts.prove.linkTitle}>
      <p class="soft" role="status">
        {trouble.value ? '' : texts.prove.linkChecking}
      </p>
      <ErrorLine text={trouble.value} />
      {trouble.value && (
        <a class="button quiet" href={href()}>
          {texts.prove.linkHome}
        </a>
      )}
    </Front>
  );
}
