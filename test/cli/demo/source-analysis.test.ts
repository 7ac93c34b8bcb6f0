import { describe, expect, it } from 'vitest';
import { analyseSource } from '../../../src/cli/demo/source-analysis.ts';

describe('lines', () => {
  it.each([
    ['', 0, 0],
    ['a', 1, 1],
    ['a\n', 1, 1],
    ['a\n\n', 2, 1],
    ['\n', 1, 0],
    ['a\r\nb', 2, 2],
    ['a\r\nb\r\n', 2, 2],
    ['a\rb', 2, 2],
    ['  \n\t\na', 3, 1],
    ['\u{FEFF}\n', 1, 0],
  ])('%j has %d, of which %d are code', (text, lines, codeLines) => {
    expect(analyseSource('a.ts', text)).toMatchObject({ lines, codeLines, commentLines: 0 });
  });

  it('counts a line with code and comment as both, and a blank line as neither', () => {
    const text = ['/* one', '', 'two */ f();', 'g(); // three', '', '// four', "'// no';"].join(
      '\n',
    );
    const counts = { lines: 7, codeLines: 3, commentLines: 4, commentCount: 3 };
    expect(analyseSource('a.js', text)).toMatchObject(counts);
    expect(analyseSource('a.js', text.replaceAll('\n', '\r\n'))).toMatchObject(counts);
  });

  it('counts comments in JSX, and takes the line of the interpreter as code', () => {
    const text = '#!/usr/bin/env node\nconst a = (\n  <b>\n    {/* c */}\n  </b>\n);\n';
    const counts = { lines: 6, codeLines: 6, commentLines: 1, commentCount: 1, parseErrors: 0 };
    expect(analyseSource('a.js', text)).toMatchObject(counts);
  });

  it('counts marks of work left in comments only', () => {
    const text = "// TODO: a, FIXME b\n/* TODO */ const TODO = 'TODO'; // TODOS\n";
    expect(analyseSource('a.ts', text).todoCount).toBe(3);
  });
});

describe('imports and exports', () => {
  it('finds every form of import that is written out, once, in order', () => {
    const text = `
      import a from 'one';
      import type { B } from 'two';
      import 'three';
      export { c } from 'four';
      export * from 'five';
      import six = require('six');
      type Seven = import('seven').T;
      const eight = require('eight'), again = require('one');
      async function later(name: string) {
        await import('nine'); await import(\`ten\`); await import(name); await import(\`\${name}/a\`);
        require(name); module.require('no'); require();
      }`;
    const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
    expect(analyseSource('a.ts', text)).toMatchObject({ imports: words, parseErrors: 0 });
  });

  it('names every export', () => {
    const text = `
      export const { a, b: [c] } = d;
      export function e() {}
      export class F {}
      export type G = 1;
      export { a as h, a as 'i j', a as default };
      export * from 'k';
      export * as l from 'k';
    `;
    const names = ['a', 'c', 'e', 'F', 'G', 'h', 'i j', 'default', '*', 'l'];
    expect(analyseSource('a.ts', text)).toMatchObject({ exports: names, parseErrors: 0 });
    expect(analyseSource('a.ts', 'export default 1').exports).toEqual(['default']);
  });

  it('names what CommonJS exports', () => {
    const text =
      'module.exports = a; exports.b = module.exports.c = 1; exports = 2; x.exports.d = 3;';
    expect(analyseSource('a.cjs', text).exports).toEqual(['default', 'b', 'c']);
  });
});

describe('functions and nesting', () => {
  it.each([
    ['function a() {}', 'a'],
    ['const b = () => {};', 'b'],
    ['const b: () => void = () => {};', 'b'],
    ['const b = function own() {};', 'own'],
    ['export default () => {};', 'default'],
    ['export default function c() {}', 'c'],
    ['class D { #e() {} }', '#e'],
    ['class D { static f = () => {} }', 'f'],
    ["const o = { 'g h': () => {} };", 'g h'],
    ['o.i = () => {};', 'i'],
    ['o[i] = () => {};', '(anonymous)'],
    ['const o = { [i]: () => {} };', '(anonymous)'],
    ['call(() => {});', '(anonymous)'],
    ['const j = ((() => {}));', 'j'],
    ['let { k = () => {} } = o;', 'k'],
  ])('%s is named %s', (text, name) => {
    const longestFunction = { name, line: 1, lines: 1 };
    expect(analyseSource('a.ts', text)).toMatchObject({ functions: 1, longestFunction });
  });

  it('finds the longest function, the first of equals, at its line', () => {
    const text =
      '\r\nfunction a() {\r\n}\r\nconst b = () => {\r\n  c;\r\n};\r\nfunction d() {\r\n\r\n}\r\n';
    const longestFunction = { name: 'b', line: 4, lines: 3 };
    expect(analyseSource('a.ts', text)).toMatchObject({ functions: 3, longestFunction });
  });

  it('counts no function without a body', () => {
    const text =
      'declare function a(): 1; function b(): 1; function b() { return 1 } type C = () => 1;';
    expect(analyseSource('a.ts', text).functions).toBe(1);
    expect(analyseSource('a.ts', 'let a = 1;')).toMatchObject({
      functions: 0,
      longestFunction: null,
    });
  });

  it.each([
    ['let a;', 0],
    ['{ { { a } } }', 0],
    ['if (a) b;', 1],
    ['if (a) b; else if (c) d; else if (e) f;', 1],
    ['if (a) {} else { if (b) c; }', 2],
    ['for (;;) while (a) do { switch (b) { case 1: try {} catch {} } } while (c)', 5],
    ['if (a) { call(() => { if (b) c; }); }', 1],
    ['if (a) { call(() => {}); if (b) for (const c of d) e; }', 3],
  ])('%s nests %d deep', (text, maxNesting) => {
    expect(analyseSource('a.ts', text).maxNesting).toBe(maxNesting);
  });
});

describe('languages', () => {
  it.each([
    ['a.ts', 'typescript', 'const a = <T>b;'],
    ['a.mts', 'typescript', 'await a;'],
    ['a.cts', 'typescript', 'import a = require("a");'],
    ['a.tsx', 'tsx', 'const a: B = <b />;'],
    ['a.jsx', 'jsx', 'const a = <b />;'],
    ['a.js', 'javascript', 'const a = <b />; export {};'],
    ['a.js', 'javascript', 'if (a) return;'],
    ['a.js', 'javascript', 'const await = 1;'],
    ['a.cjs', 'javascript', 'return require("a");'],
    ['a.mjs', 'javascript', 'await import("a");'],
    ['strange', 'javascript', 'a;'],
  ])('%s is %s and takes %s', (path, language, text) => {
    expect(analyseSource(path, text)).toMatchObject({ path, language, parseErrors: 0 });
  });
});

describe('odd input', () => {
  it('counts syntax errors, and keeps what was read before them', () => {
    const text = "// TODO\nimport a from 'b';\nexport const c = 1;\nfunction ( {\n";
    const analysis = analyseSource('a.ts', text);
    expect(analysis.parseErrors).toBeGreaterThan(0);
    const kept = { lines: 4, codeLines: 3, todoCount: 1, imports: ['b'], exports: ['c'] };
    expect(analysis).toMatchObject(kept);
  });

  it('analyses the whole of a text whose errors the parser can live with', () => {
    const text = "return; function f() { if (a) b; } import('c');";
    const whole = { functions: 1, maxNesting: 1, imports: ['c'], parseErrors: 1 };
    expect(analyseSource('a.mjs', text)).toMatchObject(whole);
  });

  it.each([
    '\0',
    '\u{D800} \0',
    '\uFFFE'.repeat(9),
    '`${',
    '/*',
    '"',
    '/[',
    '<',
    '@',
    '#',
    '#!',
    '}{',
  ])('takes %j without throwing', (text) => {
    for (const path of ['a.ts', 'a.tsx', 'a.js', 'a.cjs', 'a.mjs', '', '/']) {
      expect(analyseSource(path, text).lines).toBe(1);
    }
  });

  // Every one of these ends the process when it reaches the parser (oxc issue 24375).
  it.each([
    ['parentheses', '(', ')'],
    ['open parentheses', '(', ''],
    ['lists', '[', ']'],
    ['blocks', '{', '}'],
    ['functions', 'function f() {', '}'],
    ['objects', '({ a: ', '})'],
    ['templates', '`${', '}`'],
    ['prefixes', '!', ''],
    ['signs', '- ', ''],
    ['words', 'typeof ', ''],
    ['arrows', 'a => ', ''],
    ['conditions', 'a ? b : ', ''],
    ['assignments', 'a = ', ''],
    ['elements', '<a>', '</a>'],
    ['branches', 'if (a) {} else ', ''],
    ['ifs', 'if (a) ', ''],
    ['labels', 'a: ', ''],
    ['loops', 'do ', ' while (a)'],
  ])('does not give deeply nested %s to the parser', (_name, open, close) => {
    const text = `${open.repeat(64_000)}1${close.repeat(64_000)}`;
    expect(analyseSource('a.jsx', text)).toMatchObject({ lines: 1, codeLines: 1, parseErrors: 1 });
  });

  it.each([
    ['sums', '1 +\n', '1'],
    ['members', 'a.', 'b'],
    ['lists', '[],\n', '[]'],
    ['statements', 'if (a) { b(); } else if (c) {}\n', 'd'],
  ])('parses many %s', (_name, part, end) => {
    const times = 1_500;
    expect(analyseSource('a.js', part.repeat(times) + end).parseErrors).toBe(0);
  });

  it('gives plain JSON, and the same for the same text', () => {
    const text = 'export const a = () => { if (b) c(); }; // TODO';
    const analysis = analyseSource('a.ts', text);
    expect(JSON.parse(JSON.stringify(analysis))).toEqual(analysis);
    expect(analyseSource('a.ts', text)).toEqual(analysis);
  });
});
