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
const ENTRIES = {
  rephase: 'dist/index.d.ts',
  'rephase/formats': 'dist/formats.d.ts',
  'rephase/files': 'dist/files.d.ts',
};

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
  const exported = checker.getExportsOfModule(module).map(resolved).sort(byName);
  for (const symbol of exported) requireComments(name, symbol);
  const listed = new Set(exported);
  // Grows while it is walked, by what the declarations refer to.
  const lines = [...exported].map((symbol) => textOf(symbol, listed));
  const others = [];
  for (const symbol of listed) if (!exported.includes(symbol)) others.push(textOf(symbol, listed));
  const referred = others.length === 0 ? '' : `\n// Not exported, but referred to:\n${others.join('\n')}`;
  return `## ${name}\n\n\`\`\`ts\n${lines.join('\n')}${referred}\n\`\`\`\n`;
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

/** @param {ts.Symbol} symbol */
function resolved(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** @param {ts.Symbol} a @param {ts.Symbol} b */
function byName(a, b) {
  return a.name < b.name ? -1 : 1;
}

/**
 * The declarations of a symbol, without comments. Adds to `listed` what they refer to.
 * @param {ts.Symbol} symbol
 * @param {Set<ts.Symbol>} listed
 */
function textOf(symbol, listed) {
  const declarations = (symbol.declarations ?? []).map((declaration) => {
    /** @param {ts.Node} node */
    const visit = (node) => {
      const referred = ts.isIdentifier(node) && checker.getSymbolAtLocation(node);
      if (referred && isTopLevel(resolved(referred))) listed.add(resolved(referred));
      ts.forEachChild(node, visit);
    };
    visit(declaration);
    return printer.printNode(ts.EmitHint.Unspecified, statementOf(declaration), declaration.getSourceFile());
  });
  return declarations.join('\n');
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
    if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) continue;
    for (const { name } of declaration.members) {
      const member = name && checker.getSymbolAtLocation(name);
      if (member && !ts.isPrivateIdentifier(name)) note(`${symbol.name}.${member.name}`, member);
    }
  }
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`api: ${message}`);
  process.exit(1);
}
