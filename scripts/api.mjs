/**
 * The API report, docs/api/report.md: the names and signatures of every entry, from the declarations in dist/. It is
 * committed, so that a change of the public surface is part of a change that somebody reads. `--check` fails when the
 * report is not what dist/ declares, when an export or a member has no doc comment, and when a signature uses a type that
 * users cannot import. A folder may be named whose dist/ and docs/ are meant.
 */
import { readFileSync, writeFileSync, mkdirSync, existsSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import ts from 'typescript';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean', default: false } },
});
process.chdir(positionals[0] ?? fileURLToPath(new URL('..', import.meta.url)));
const REPORT = 'docs/api/report.md';
const ENTRIES = {
  rephase: 'dist/index.d.ts',
  'rephase/formats': 'dist/formats.d.ts',
  'rephase/files': 'dist/files.d.ts',
};

const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, types: [], skipLibCheck: true };
const program = ts.createProgram(
  Object.values(ENTRIES).map((path) => resolve(path)),
  options,
);
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });

const entries = Object.entries(ENTRIES).map(([name, path]) => {
  const file = program.getSourceFile(resolve(path));
  const module = file && checker.getSymbolAtLocation(file);
  if (!file || !module) {
    complain(`${path} is not there; \`npm run build\` makes it`);
    process.exit();
  }
  return { name, exported: checker.getExportsOfModule(module).map(resolved).sort(byName) };
});
const importable = new Set(entries.flatMap(({ exported }) => exported));
/** @type {Set<string>} */
const undocumented = new Set();
/** @type {Set<string>} */
const leaks = new Set();
const report = entries.map(({ name, exported }) => {
  for (const symbol of exported) {
    requireComments(name, symbol);
    requireImportable(name, symbol);
  }
  return `## ${name}\n\n\`\`\`ts\n${exported.map(textOf).join('\n')}\n\`\`\`\n`;
});
const text = `# API report\n\nNames and signatures of every entry. \`npm run api\` writes this file.\n\n${report.join('\n')}`;

if (values.check) {
  if (leaks.size > 0) complain(`no entry exports ${[...leaks].join('; ')}`);
  if (undocumented.size > 0) complain(`no doc comment on ${[...undocumented].join(', ')}`);
  if (!existsSync(REPORT) || readFileSync(REPORT, 'utf8') !== text) {
    complain(`the public surface differs from ${REPORT}; \`npm run api\` writes it anew, if that is meant`);
  }
} else {
  mkdirSync('docs/api', { recursive: true });
  writeFileSync(REPORT, text);
}

/** @param {ts.Symbol} symbol */
function resolved(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** @param {ts.Symbol} a @param {ts.Symbol} b */
function byName(a, b) {
  return a.name < b.name ? -1 : 1;
}

/** The declarations of a symbol, without comments. @param {ts.Symbol} symbol */
function textOf(symbol) {
  const declarations = (symbol.declarations ?? []).map((declaration) =>
    printer.printNode(ts.EmitHint.Unspecified, statementOf(declaration), declaration.getSourceFile()),
  );
  return declarations.join('\n');
}

/**
 * Notes what the declarations of a symbol refer to and no entry exports.
 * @param {string} entry
 * @param {ts.Symbol} symbol
 */
function requireImportable(entry, symbol) {
  /** @param {ts.Node} node */
  const visit = (node) => {
    const found = ts.isIdentifier(node) && checker.getSymbolAtLocation(node);
    const referred = found && resolved(found);
    if (referred && isTopLevel(referred) && !importable.has(referred))
      leaks.add(`${referred.name}, which ${symbol.name} of ${entry} uses`);
    ts.forEachChild(node, visit);
  };
  symbol.declarations?.forEach(visit);
}

/** Whether a symbol is declared at the top of a file in dist/. @param {ts.Symbol} symbol */
function isTopLevel(symbol) {
  return (symbol.declarations ?? []).some(
    (declaration) =>
      ts.isSourceFile(statementOf(declaration).parent) &&
      /[\\/]dist[\\/][^\\/]+$/.test(declaration.getSourceFile().fileName) &&
      !declaration.getSourceFile().fileName.includes('node_modules'),
  );
}

/** A variable's statement, which has its keyword, is two nodes above its declaration. @param {ts.Declaration} declaration */
function statementOf(declaration) {
  return ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
}

/**
 * Notes where a symbol or a member has no comment.
 * @param {string} entry
 * @param {ts.Symbol} symbol
 */
function requireComments(entry, symbol) {
  /** @param {string} name @param {ts.Symbol} documented */
  const note = (name, documented) => {
    if (documented.getDocumentationComment(checker).length === 0) undocumented.add(`${name} of ${entry}`);
  };
  note(symbol.name, symbol);
  for (const declaration of symbol.declarations ?? []) {
    for (const { name } of membersOf(declaration)) {
      const member = name && checker.getSymbolAtLocation(name);
      if (member && !ts.isPrivateIdentifier(name)) note(`${symbol.name}.${member.name}`, member);
    }
  }
}

/** Those that have names of their own. @param {ts.Declaration} declaration */
function membersOf(declaration) {
  if (ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) return declaration.members;
  return ts.isTypeAliasDeclaration(declaration) && ts.isTypeLiteralNode(declaration.type)
    ? declaration.type.members
    : [];
}

/** @param {string} message */
function complain(message) {
  console.error(`api: ${message}`);
  process.exitCode = 1;
}
