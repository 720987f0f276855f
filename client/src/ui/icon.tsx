/** One stroke width, 24 × 24; drawn for this client. */
const paths = {
  home: 'M4 11.2 12 4.5l8 6.7V19a1 1 0 0 1-1 1h-4.5v-5.5h-5V20H5a1 1 0 0 1-1-1z',
  calls: 'M12 7.5V12l3 2M20.5 12a8.5 8.5 0 1 1-2.6-6.1M20.5 4v3.6h-3.6',
  voicemail: 'M6.5 15.5a3.5 3.5 0 1 1 0-7 3.5 3.5 0 0 1 0 7Zm0 0h11m0 0a3.5 3.5 0 1 1 0-7 3.5 3.5 0 0 1 0 7Z',
  numbers:
    'M7 3.5h6.8L19 8.7V19a1.5 1.5 0 0 1-1.5 1.5h-10.5A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5ZM9 12h6.5v5H9z',
  settings: 'M4 7.5h9m5 0h2M4 16.5h2m5 0h9M15.5 5.2v4.6M8.5 14.2v4.6',
  phone:
    'M6.2 4h2.9l1.5 4-2 1.5a11.5 11.5 0 0 0 5.9 5.9l1.5-2 4 1.5v2.9A1.7 1.7 0 0 1 18.3 19.5 14.8 14.8 0 0 1 4.5 5.7 1.7 1.7 0 0 1 6.2 4Z',
  'phone-down': 'M3 14.3c5.5-4.4 12.5-4.4 18 0l-1.7 2.7-3.9-1.4v-2.3a11 11 0 0 0-6.8 0v2.3L4.7 17z',
  missed: 'M4 6.5l7.5 7.5L20 5.5M14.5 5.5H20V11M4.5 19.5h15',
  arrow: 'M18.5 5.5l-13 13M5.5 9.5v9h9',
  mic: 'M12 14.5a3 3 0 0 0 3-3V6.5a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3ZM6 11.5a6 6 0 0 0 12 0M12 17.5V21',
  'mic-off':
    'M15 10V6.5a3 3 0 0 0-5.7-1.3M9 9v2.5a3 3 0 0 0 4.6 2.5M6 11.5a6 6 0 0 0 9.5 4.9M18 11.5a6 6 0 0 1-.5 2.4M12 17.5V21M4 4l16 16',
  keypad: 'M6 5h.01M12 5h.01M18 5h.01M6 11h.01M12 11h.01M18 11h.01M6 17h.01M12 17h.01M18 17h.01',
  bell: 'M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15zM10 20.5h4',
  'bell-off': 'M8 6.5A6 6 0 0 1 18 11v3M17 18H4.5L6 16.5V11c0-.7.1-1.4.3-2M10 20.5h4M4 4l16 16',
  device:
    'M7.5 3.5h9A1.5 1.5 0 0 1 18 5v14a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 6 19V5a1.5 1.5 0 0 1 1.5-1.5ZM10.5 17.5h3',
  desk: 'M4 9.5 6 5h12l2 4.5M5 9.5h14V19a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1zM9 13h6M9 16.5h6',
  copy: 'M9 9h10.5v11H9zM5 15.5H4V4h11v1.5',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  plus: 'M12 5v14M5 12h14',
  back: 'M14.5 5.5 8 12l6.5 6.5',
  next: 'M9.5 5.5 16 12l-6.5 6.5',
  down: 'M5.5 9.5 12 16l6.5-6.5',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7',
  play: 'M8 5.5v13l10.5-6.5z',
  pause: 'M8.5 5.5v13M15.5 5.5v13',
  eye: 'M3 12c4.5-7.5 13.5-7.5 18 0-4.5 7.5-13.5 7.5-18 0Zm9 2.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z',
  lock: 'M7.5 11V8a4.5 4.5 0 0 1 9 0v3M5.5 11h13v9h-13zM12 14.5v2',
  close: 'M6 6l12 12M18 6 6 18',
  wave: 'M4 10.5v3M8 7.5v9M12 4.5v15M16 7.5v9M20 10.5v3',
  info: 'M12 11v5.5M12 7.5v.01M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Z',
} as const;

export type IconName = keyof typeof paths;

/** Decoration only: the words beside it or the button's label say what it means. */
export function Icon(props: { name: IconName; size?: number }) {
  const size = props.size ?? 22;
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={props.name === 'play' || props.name === 'phone-down' ? 'currentColor' : 'none'}
      stroke="currentColor"
      stroke-width={props.name === 'keypad' ? 3 : 1.8}
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      <path d={paths[props.name]} />
    </svg>
  );
}
