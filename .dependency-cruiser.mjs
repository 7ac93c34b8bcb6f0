/**
 * The layers of src/, as docs and design draw them: a folder may import itself and what stands in its row.
 *
 * The tables below are the rule; the rest of the file turns them into forbidden edges. `npm run check:layers`.
 */

/** From the bottom to the top. `ALL_ABOVE` means every row before this one. */
const ALL_ABOVE = 'all above';

/** @type {[folder: string, mayImport: string[] | typeof ALL_ABOVE][]} */
const layers = [
  ['core', []],
  ['storage', ['core']],
  ['events', ['core', 'storage']],
  ['protocol', ['core', 'events']],
  ['access', ['core', 'events', 'protocol']],
  ['actors', ['core', 'events', 'protocol']],
  ['projections', ['core', 'events']],
  ['bus', ['core', 'events', 'storage']],
  ['coordinator', ALL_ABOVE],
  ['history', ALL_ABOVE],
  ['agents', ['core', 'events', 'protocol', 'coordinator']], // events: what the state is, and its shapes
  ['importers', ['core', 'protocol', 'coordinator']],
  ['cli', ALL_ABOVE],
  ['testing', ALL_ABOVE],
];

/**
 * A package, and the places (folders or files of src/) that own it.
 * @type {[name: string, owners: string[], also?: { typesAlsoIn: string[] }][]}
 */
const packages = [
  ['nanoid', ['core']],
  ['fast-json-stable-stringify', ['core']],
  ['level', ['storage']],
  ['classic-level', ['storage']],
  ['memory-level', ['storage']],
  ['abstract-level', ['storage'], { typesAlsoIn: ['events'] }],
  ['fs-native-extensions', ['storage']],
  ['zod', ['events', 'protocol', 'bus', 'importers', 'agents']], // bus, importers, agents: options of a caller and the log of another swarm are unknown input, and this their edge
  ['@bufbuild/cel', ['protocol']],
  ['re2js', ['bus', 'protocol/expression-pattern.ts']],
  ['xstate', ['actors', 'testing', 'coordinator/actor-facade.ts']],
  ['tinyqueue', ['projections']],
  ['execa', ['agents']],
  ['commander', ['cli']],
  ['picocolors', ['cli']],
  ['cli-table3', ['cli']],
  ['cli-progress', ['cli']],
  ['oxc-parser', ['cli']],
  ['@xstate/graph', ['testing']],
  ['fast-check', ['testing']],
];

/**
 * The folders that know no clock, no chance and no I/O (I5), and the few builtins that they may use all the same.
 * @type {[folder: string, builtins: string[]][]}
 */
const builtins = [
  ['protocol', []],
  ['access', []],
  ['actors', []],
  ['projections', []],
  ['events', ['crypto']], // the hash chain
];

/**
 * The files that may reach out of src/, and where to: the program runs the benchmarks.
 * @type {[file: string, path: string][]}
 */
const outside = [['cli/bench.ts', '^bench/']];

const names = layers.map(([name]) => name);
/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
/** @param {string[]} list */
const anyOf = (list) => (list.length === 1 ? list[0] : `(?:${list.join('|')})`);
/** @param {string} name */
const place = (name) => (name.endsWith('.ts') ? `^src/${escaped(name)}$` : `^src/${name}/`);
/** @param {string[]} list */
const places = (list) => list.map(place);

const layerRules = layers.map(([name, row], index) => {
  const allowed = row === ALL_ABOVE ? names.slice(0, index) : row;
  return {
    name: `layer-${name}`,
    comment: `${name}/ may import itself and: ${allowed.join(', ') || 'nothing'}.`,
    severity: 'error',
    from: { path: place(name) },
    to: { path: '^src/', pathNot: [...places([name, ...allowed]), '^src/index\\.ts$'] },
  };
});

const packageRules = packages.flatMap(([name, owners, { typesAlsoIn = [] } = {}]) => {
  const to = { path: `(?:^|/)node_modules/${escaped(name)}/` };
  const comment = `${name} belongs to ${owners.join(', ')}.`;
  const rule = {
    name: `package-${name}`,
    comment,
    severity: 'error',
    from: { path: '^src/', pathNot: places([...owners, ...typesAlsoIn]) },
    to,
  };
  if (typesAlsoIn.length === 0) return [rule];
  return [
    rule,
    {
      name: `package-${name}-types-only`,
      comment: `${comment} Elsewhere (${typesAlsoIn.join(', ')}) only its types.`,
      severity: 'error',
      from: { path: anyOf(places(typesAlsoIn)) },
      to: { ...to, dependencyTypesNot: ['type-only'] },
    },
  ];
});

const builtinRules = builtins.map(([name, allowed]) => ({
  name: `builtins-${name}`,
  comment: `${name}/ may import no builtin of Node${allowed.map((one) => ` but node:${one}`).join('')}.`,
  severity: 'error',
  from: { path: place(name) },
  to: {
    dependencyTypes: ['core'],
    ...(allowed.length > 0 && { pathNot: `^(?:node:)?${anyOf(allowed)}$` }),
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    ...packageRules,
    ...builtinRules,
    {
      name: 'layer-unknown',
      comment:
        'Every folder of src/ has a row in the table; index.ts is the only file beside them.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/index\\.ts$', ...places(names)] },
      to: {},
    },
    {
      name: 'index-is-for-users',
      comment: 'Nothing inside imports src/index.ts.',
      severity: 'error',
      from: { path: '^(?:src|bench)/' },
      to: { path: '^src/index\\.ts$' },
    },
    {
      name: 'package-unlisted',
      comment: 'Every package that src/ imports has an owner in the table.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        path: '(?:^|/)node_modules/',
        pathNot: packages.map(([name]) => `(?:^|/)node_modules/${escaped(name)}/`),
      },
    },
    {
      name: 'outside-src',
      comment: `Only ${outside.map(([file]) => file).join(', ')} may import what is not in src/.`,
      severity: 'error',
      from: { path: '^src/', pathNot: places(outside.map(([file]) => file)) },
      to: { pathNot: ['^src/', '(?:^|/)node_modules/'], dependencyTypesNot: ['core'] },
    },
    ...outside.map(([file, path]) => ({
      name: `outside-src-${file}`,
      comment: `${file} may reach ${path} and nothing else outside src/.`,
      severity: 'error',
      from: { path: place(file) },
      to: { pathNot: [path, '^src/', '(?:^|/)node_modules/'], dependencyTypesNot: ['core'] },
    })),
    {
      name: 'no-cycles',
      comment: 'A cycle has no top and no bottom. Imports of types count as well.',
      severity: 'error',
      from: { path: '^(?:src|bench)/' },
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
