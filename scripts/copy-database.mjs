// npm run copy-database: from SQLite into the PostgreSQL of database.url; see docs/databases.md.
import { become, installPackages, node, nodeFlags } from './prepare.mjs';

installPackages();
become(node, [...nodeFlags, 'server/src/copy-database.ts', ...process.argv.slice(2)]);
