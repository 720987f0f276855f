// npm start: installs and builds what is missing, then serves everything from one process.
import { become, buildPages, installPackages, node, nodeFlags } from './prepare.mjs';

installPackages();
buildPages();
become(node, [...nodeFlags, 'server/src/main.ts', ...process.argv.slice(2)]);
