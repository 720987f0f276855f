/** The mark: a thread that passes through a ring. */
export function Mark(props: { class?: string }) {
  return (
    <svg
      aria-hidden="true"
      class={props.class}
      viewBox="4 12 56 40"
      fill="none"
      stroke-width="5"
      stroke-linecap="round"
    >
      <path class="ring-line" d="M17.2 26.2A16 16 0 1 1 17.2 37.8" stroke="currentColor" />
      <path class="thread-line" d="M7.5 32H41" stroke="#f0a83c" />
      <circle class="dot" cx="55" cy="32" r="3.6" fill="#f0a83c" />
    </svg>
  );
}

export function Logo() {
  return (
    <span class="logo">
      <Mark />
      <span>Ringthrough</span>
    </span>
  );
}
