/** The arrows of docs/architecture.md. `npm run arrows` fails on any import against them. */
const modules = [
  'accounts',
  'validation',
  'forwarding',
  'registration',
  'calls',
  'subscriptions',
  'media',
  'alerting',
  'carrier',
  'http',
  'store',
  'fabric',
];
const base = ['store', 'fabric', 'config\\.ts', 'log\\.ts', 'problem\\.ts'];

/** What each server module may import besides itself and the base modules. */
const allowed = {
  accounts: [],
  validation: ['carrier'],
  forwarding: ['carrier'],
  registration: [],
  calls: ['registration', 'media', 'alerting'],
  subscriptions: ['registration'],
  media: [],
  alerting: ['media', 'carrier'],
  carrier: ['media'],
  store: [],
  fabric: [],
  http: ['accounts', 'validation', 'forwarding', 'registration', 'alerting', 'calls'],
};

const own = (name) =>
  ['fabric', 'store'].includes(name) ? [name, 'config\\.ts', 'log\\.ts', 'problem\\.ts'] : [name, ...base];

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'packages-stand-alone',
      comment: 'A protocol library knows nothing of the product and of its siblings.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^(packages|server|client|lab|interop|bench)/', pathNot: '^packages/$1/' },
    },
    {
      name: 'packages-through-index',
      severity: 'error',
      from: { path: '^(server|lab|client|interop|bench)/' },
      to: { path: '^packages/[^/]+/src/', pathNot: '^packages/[^/]+/src/(testing/)?index\\.ts$' },
    },
    {
      name: 'modules-through-index',
      severity: 'error',
      from: { path: '^server/src/([^/]+)/' },
      to: { path: `^server/src/(${modules.join('|')})/.`, pathNot: ['^server/src/$1/', '/index\\.ts$'] },
    },
    {
      name: 'nothing-imports-roles',
      severity: 'error',
      from: { path: '^server/src/', pathNot: '^server/src/(roles/|main\\.ts)' },
      to: { path: '^server/src/roles/' },
    },
    {
      name: 'client-stands-alone',
      severity: 'error',
      from: { path: '^client/src/' },
      to: { path: '^(packages|server|lab)/' },
    },
    { name: 'lab-is-not-the-product', severity: 'error', from: { path: '^lab/' }, to: { path: '^server/' } },
    {
      name: 'server-imports-lab-in-main-only',
      severity: 'error',
      from: { path: '^server/', pathNot: '^server/src/(main|lab)\\.ts' },
      to: { path: '^lab/' },
    },
    ...Object.entries(allowed).map(([name, more]) => ({
      name: `arrows-${name}`,
      severity: 'error',
      from: { path: `^server/src/${name}/`, pathNot: '\\.test\\.ts$' },
      to: { path: '^server/src/', pathNot: `^server/src/(${[...own(name), ...more].join('|')})(/|$)` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(node_modules|/dist/)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.mjs'],
    },
  },
};
