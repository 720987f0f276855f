// npm run bench [name …]: every measurement of bench/, or those named.

import { installPeers } from './peers.mjs';
import { become, installPackages, node, nodeFlags } from './prepare.mjs';

installPackages();
installPeers();
become(node, [...nodeFlags, 'bench/run.ts', ...process.argv.slice(2)]);
