// npm run demo: the whole story, without a browser or a microphone, as a timeline.
import { become, buildPages, installPackages, node, nodeFlags } from './prepare.mjs';

installPackages();
buildPages();
become(node, [...nodeFlags, 'lab/src/demo.ts', ...process.argv.slice(2)]);
