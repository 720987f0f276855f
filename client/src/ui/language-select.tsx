import { useId } from 'preact/hooks';
import { say } from '../state/messages.ts';
import { texts } from '../texts/index.ts';
import {
  chooseLanguage,
  type Language,
  languageChoice,
  languageCodes,
  languageOf,
  languages,
} from '../texts/language.ts';

/** The language of this device; each is named in itself, for whoever reads no other. */
export function LanguageSelect() {
  const id = useId();
  const change = (choice: Language | 'system') =>
    chooseLanguage(choice).catch(() => say(texts.settings.languageFailed, 'bad'));
  return (
    <div class="field">
      <label for={id}>{texts.settings.language}</label>
      <select
        id={id}
        class="input"
        value={languageChoice.value}
        onChange={(event) => void change(event.currentTarget.value as Language | 'system')}
      >
        <option value="system">
          {texts.settings.languageSystem(languages[languageOf(navigator.languages)])}
        </option>
        {languageCodes.map((code) => (
          <option key={code} value={code} lang={code}>
            {languages[code]}
          </option>
        ))}
      </select>
    </div>
  );
}
