import { render } from 'preact';
import { App } from './app.tsx';
import { follow } from './store.ts';
import './styles/index.css';

const root = document.getElementById('app');
if (root === null) throw new Error('The page has no #app.');
follow();
render(<App />, root);
