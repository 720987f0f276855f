import { formatNumber } from '../format/number.ts';
import { texts } from '../texts/index.ts';

/** A phone number as people write it; "Private number" when there is none. */
export function PhoneNumber(props: { value: string | null | undefined }) {
  if (!props.value) return <span>{texts.common.privateNumber}</span>;
  return <span class="num">{formatNumber(props.value)}</span>;
}

/** The same as plain text, for labels. */
export function numberText(value: string | null | undefined): string {
  return value ? formatNumber(value) : texts.common.privateNumber;
}
