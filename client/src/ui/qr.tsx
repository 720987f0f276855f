import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

interface Modules {
  size: number;
  get(row: number, column: number): number;
}

/** One path of squares; the quiet zone is the view box's. */
function pathOf(modules: Modules): string {
  const steps: string[] = [];
  for (let row = 0; row < modules.size; row++) {
    for (let column = 0; column < modules.size; column++) {
      if (modules.get(row, column)) steps.push(`M${column} ${row}h1v1h-1z`);
    }
  }
  return steps.join('');
}

const quiet = 4;

/** A QR code; `alt` says what it does. The library that makes it is loaded only here. */
export function QrCode(props: { text: string; alt: string }) {
  const drawing = useSignal<{ path: string; size: number } | undefined>(undefined);
  useEffect(() => {
    let current = true;
    void import('qrcode').then(({ default: library }) => {
      const { modules } = library.create(props.text, { errorCorrectionLevel: 'M' });
      if (current) drawing.value = { path: pathOf(modules), size: modules.size };
    });
    return () => {
      current = false;
    };
  }, [props.text, drawing]);
  const drawn = drawing.value;
  const side = (drawn?.size ?? 29) + 2 * quiet;
  return (
    <svg
      class="qr"
      role="img"
      aria-label={props.alt}
      viewBox={`${-quiet} ${-quiet} ${side} ${side}`}
      data-text={props.text}
      shape-rendering="crispEdges"
    >
      {drawn && <path d={drawn.path} fill="#000" />}
    </svg>
  );
}
