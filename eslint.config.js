// Type-checked rules for TypeScript; scripts in plain JavaScript get the rules that need no types.
import tseslint from 'typescript-eslint';

/**
 * Who may use whom, as in ARCHITECTURE.md's table: a file of `files` imports none of `rooms`, types included. scripts/cycles.mjs
 * keeps imports free of cycles.
 * @param {string[]} files
 * @param {string[]} rooms folders, and files that end in .js
 * @param {string[]} [ignores]
 */
function layer(files, rooms, ignores = []) {
  const ends = rooms.map((room) => (room.endsWith('.js') ? `${room}$` : `${room}/`));
  const pattern = `^\\.{1,2}/(.*/)?(${ends.join('|')})`;
  const message = 'ARCHITECTURE.md says which rooms may use which.';
  return {
    files,
    ignores,
    rules: {
      'no-restricted-imports': /** @type {['error', object]} */ ([
        'error',
        { patterns: [{ regex: pattern, message }] },
      ]),
    },
  };
}

const BACKENDS = ['cuda', 'webgpu', 'wasm'];

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'out/', 'coverage/', '.gpu*/', 'prebuilds/', 'backends/wasm/generated/'] },
  {
    files: ['**/*.ts', '**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    // Programs: printing is what they are for.
    files: ['scripts/**', 'bench/**', 'examples/**', 'src/cli.ts', 'src/cli/**'],
    rules: { 'no-console': 'off' },
  },
  layer(['src/{errors,types,rules}.ts'], ['backends', 'cli', 'formats', 'problems', 'retrieve', 'session', 'tools']),
  layer(
    ['src/problems/**'],
    [...BACKENDS, 'registry.js', 'self-test.js', 'cli', 'formats', 'retrieve', 'session', 'tools'],
  ),
  layer(['src/session/**'], [...BACKENDS, 'registry.js', 'self-test.js', 'cli', 'formats', 'retrieve', 'tools']),
  layer(
    ['src/backends/interface.ts'],
    ['cuda', 'webgpu', 'wasm', 'cli', 'formats', 'problems', 'retrieve', 'session', 'tools'],
  ),
  layer(['src/backends/{registry,self-test}.ts'], ['cli', 'formats', 'retrieve', 'tools']),
  layer(['src/{retrieve,tools}/**'], [...BACKENDS, 'cli', 'formats']),
  layer(['src/inspect/**'], ['backends', 'cli', 'formats', 'retrieve', 'session']),
  layer(['src/formats/**', 'src/files.ts'], ['backends', 'cli', 'retrieve', 'session', 'tools']),
  layer(['src/cli/**'], BACKENDS),
  ...BACKENDS.map((name) =>
    layer(
      [`backends/${name}/**/*.ts`],
      [
        ...BACKENDS.filter((other) => other !== name),
        'registry.js',
        'self-test.js',
        'cli',
        'formats',
        'problems',
        'session',
        'tools',
      ],
      // A worker runs whole jobs.
      name === 'wasm' ? ['backends/wasm/worker.ts'] : [],
    ),
  ),
  { files: ['**/*.js', '**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
);
