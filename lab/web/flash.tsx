import { useEffect, useRef } from 'preact/hooks';

/** A text that lights up for a moment when it changes. */
export function Flash({ text }: { text: string }) {
  const element = useRef<HTMLSpanElement>(null);
  const before = useRef(text);
  useEffect(() => {
    if (before.current === text) return;
    before.current = text;
    const { current } = element;
    if (current === null) return;
    // Taken away and set again: two changes in a row flash twice.
    current.classList.remove('flash');
    void current.offsetWidth;
    current.classList.add('flash');
  }, [text]);
  return <span ref={element}>{text}</span>;
}
