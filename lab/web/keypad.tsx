const keys = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

/** The twelve keys and `+`; in a call they sound, before it they fill the number in. */
export function Keypad({ onPress }: { onPress: (key: string) => void }) {
  return (
    <fieldset class="keypad" aria-label="Keypad">
      {keys.map((key) => (
        <button type="button" key={key} onClick={() => onPress(key)}>
          {key}
        </button>
      ))}
    </fieldset>
  );
}
