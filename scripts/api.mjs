/**
 * The API report, docs/api/report.md: the names and signatures of every entry, from the declarations in dist/. It is
 * committed, so that a change of the public surface is part of a change that somebody reads. `--check` fails when the
 * report is not what dist/ declares, and when an export or a member has no doc comment.
 */
import { readFileSync, writeFileSync, mkdirSync, existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const REPORT = 'docs/api/report.md';
const ENTRIES = { rephase: 'dist/index.d.ts', 'rephase/formats': 'dist/formats.d.ts', 'rephase/files': 'dist/files.d.ts' };

const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, types: ['node'], skipLibCheck: true };
const program = ts.createProgram(Object.values(ENTRIES), options);
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });
/** @type {Set<string>} */
const undocumented = new Set();

const report = Object.entries(ENTRIES).map(([name, path]) => {
  const file = program.getSourceFile(path);
  const module = file && checker.getSymbolAtLocation(file);
  if (!file || !module) fail(`${path} is not there; \`npm run build\` makes it`);
  const symbols = checker.getExportsOfModule(module).sort((a, b) => (a.name < b.name ? -1 : 1));
  return `## ${name}\n\n\`\`\`ts\n${symbols.map((symbol) => textOf(name, symbol)).join('\n')}\n\`\`\`\n`;
});
const text = `# API report\n\nNames and signatures of every entry. \`npm run api\` writes this file.\n\n${report.join('\n')}`;

if (process.argv.includes('--check')) {
  if (undocumented.size > 0) fail(`no doc comment on ${[...undocumented].join(', ')}`);
  if (!existsSync(REPORT) || readFileSync(REPORT, 'utf8') !== text) {
    fail(`the public surface differs from ${REPORT}; \`npm run api\` writes it anew, if that is meant`);
  }
} else {
  mkdirSync('docs/api', { recursive: true });
  writeFileSync(REPORT, text);
}

/**
 * The declarations of an export, without comments. Notes what has no comment.
 * @param {string} entry
 * @param {ts.Symbol} exported
 */
function textOf(entry, exported) {
  const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  requireComment(entry, exported.name, symbol);
  const declarations = symbol.declarations ?? [];
  return declarations
    .map((declaration) => {
      const members = ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration) ? declaration.members : [];
      for (const { name } of members) {
        const member = name && checker.getSymbolAtLocation(name);
        if (member && !ts.isPrivateIdentifier(name)) requireComment(entry, `${exported.name}.${member.name}`, member);
      }
      // A variable's declaration has its keyword two nodes above.
      const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
      return printer.printNode(ts.EmitHint.Unspecified, node, declaration.getSourceFile());
    })
    .join('\n');
}

/**
 * @param {string} entry
 * @param {string} name
 * @param {ts.Symbol} symbol
 */
function requireComment(entry, name, symbol) {
  if (symbol.getDocumentationComment(checker).length === 0) undocumented.add(`${name} of ${entry}`);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`api: ${message}`);
  process.exit(1);
}
