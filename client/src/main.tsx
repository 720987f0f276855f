import { render } from 'preact';
import { App } from './app.tsx';
import { loadPhoneLibrary } from './format/number.ts';
import { watchSystem } from './phone/index.ts';
import { watchInstall } from './state/install.ts';
import { watchRoute } from './state/router.ts';
import { resume, watchSession } from './state/session.ts';
import './styles/index.css';
import { watchUpdates } from './update.ts';

watchRoute();
watchSession();
watchSystem();
watchInstall();
const root = document.getElementById('app');
if (root) render(<App />, root);
void resume();
void loadPhoneLibrary();
watchUpdates();
