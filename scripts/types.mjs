// npm run types: TypeScript 7 over every part, each with the library its code runs on.
// The package named `typescript` is version 6, for dependency-cruiser (docs/decisions/0002).
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { env, node, root } from './prepare.mjs';

const tsc = join(root, 'node_modules', 'typescript-7', 'bin', 'tsc');
const projects = ['tsconfig.json', 'client/tsconfig.json', 'lab/web/tsconfig.json'];

const codes = await Promise.all(
  projects.map(
    (project) =>
      new Promise((resolve) => {
        spawn(node, [tsc, '-p', project], { cwd: root, env, stdio: 'inherit' }).on('exit', resolve);
      }),
  ),
);
process.exit(codes.every((code) => code === 0) ? 0 : 1);
