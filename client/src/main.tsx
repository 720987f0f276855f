import { render } from 'preact';
import { App } from './app.tsx';
import { loadPhoneLibrary } from './format/number.ts';
import { watchSystem } from './phone/index.ts';
import { watchInstall } from './state/install.ts';
import { watchRoute } from './state/router.ts';
import { resume, watchSession } from './state/session.ts';
import './styles/index.css';
import { startLanguage } from './texts/language.ts';
import { watchUpdates } from './update.ts';

watchRoute();
watchSession();
watchSystem();
watchInstall();
/** How long the first picture may wait for the words of another language than English. */
const wordsWithinMs = 1000;
const words = startLanguage();
// Registers at once: a call must not wait for words.
void resume();
void loadPhoneLibrary();
watchUpdates();
const root = document.getElementById('app');
if (root) {
  await Promise.race([words, new Promise((resolve) => setTimeout(resolve, wordsWithinMs))]);
  render(<App />, root);
}
