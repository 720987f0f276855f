interface Props<Value extends string> {
  label: string;
  /** Whose it is, for those who hear the label alone. */
  of: string;
  value: Value;
  options: ReadonlyArray<{ value: Value; label: string }>;
  onChange: (value: Value) => void;
}

/** A select with its label in front. */
export function Choice<Value extends string>({ label, of, value, options, onChange }: Props<Value>) {
  return (
    <label class="choice">
      <span>
        {label}
        <span class="visually-hidden"> ({of})</span>
      </span>
      <select
        value={value}
        onChange={(event) => {
          const next = options.find((one) => one.value === event.currentTarget.value);
          if (next !== undefined) onChange(next.value);
        }}
      >
        {options.map((one) => (
          <option key={one.value} value={one.value}>
            {one.label}
          </option>
        ))}
      </select>
    </label>
  );
}
