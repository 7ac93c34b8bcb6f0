import { describe, expect, it } from 'vitest';
import {
  draftReport,
  planReport,
  refineReport,
  type RefinedReport,
  type ReportDraft,
} from '../../../src/cli/demo/report.ts';
import { analyseSource, type SourceAnalysis } from '../../../src/cli/demo/source-analysis.ts';

const body = 'step();\n'.repeat(60);
const analyses = sources({
  'src/main.ts': `import { a } from './a.js';\nimport './lib';\nimport fs from 'fs';\n${body}`,
  'src/a.ts': `import '@scope/kit/deep';\nimport './lib/index.ts';\nimport './gone.js';\n// TODO\n`,
  'src/lib/index.ts': `export function work() {\n${body}}\n// a comment\nimport 'node:fs';\n`,
  'src/view.jsx': 'const view = () => {\n  return <a />;\n};\n',
  'src/broken.js': 'function (',
});

describe('planReport', () => {
  it('picks every section that the data supports, with a reason', () => {
    const plan = planReport('All', analyses);
    expect(plan.sections.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([
      'overview: analysed files: 5',
      'largest-files: analysed files: 5',
      'most-imported: imported modules: 5',
      'longest-functions: files with functions: 2',
      'least-commented: files of more than 50 lines: 2',
      'import-graph: files that import or are imported: 3',
      'parse-errors: files with parse errors: 1',
    ]);
    expect(plan.leftOut).toEqual([]);
  });

  it('leaves out what the data does not support, with a reason', () => {
    const plan = planReport('Little', sources({ 'a.ts': 'let a;' }));
    expect(plan.sections.map(({ id }) => id)).toEqual(['overview']);
    const reasons = plan.leftOut.map(({ id, reason }) => `${id}: ${reason}`);
    expect(reasons).toContain('largest-files: analysed files: 1');
    expect(reasons).toContain('parse-errors: files with parse errors: 0');
    expect(reasons).toHaveLength(6);
  });
});

describe('draftReport', () => {
  it('writes the planned sections and no other', () => {
    const plan = planReport('Two', analyses);
    const wanted = plan.sections.filter(({ id }) => id === 'overview' || id === 'parse-errors');
    const draft = draftReport({ ...plan, sections: wanted }, analyses);
    expect(draft.sections.map(({ heading }) => heading)).toEqual([
      'Overview',
      'Files with parse errors',
    ]);
  });

  it('finds the file behind a specifier, and says who imports it', () => {
    const section = sectionOf('most-imported');
    expect(section).toContain('| `src/lib/index.ts` | `src/a.ts`, `src/main.ts` | 2 |');
    expect(section).toContain('| `src/a.ts` | `src/main.ts` | 1 |');
    expect(section).toContain('| node:fs | `src/lib/index.ts`, `src/main.ts` | 2 |');
    expect(section).toContain('| @scope/kit | `src/a.ts` | 1 |');
    expect(section).toContain('| src/gone.js (not analysed) | `src/a.ts` | 1 |');
  });

  it('draws who imports whom', () => {
    const lines = sectionOf('import-graph').split('\n');
    const node = (path: string): string => {
      const line = lines.find((one) => one.endsWith(`["${path}"]`)) ?? '';
      return line.trim().replace(/\[.*/, '');
    };
    const [main, a, lib] = [node('src/main.ts'), node('src/a.ts'), node('src/lib/index.ts')];
    const edges = lines.filter((line) => line.includes('-->')).map((line) => line.trim());
    expect(edges.toSorted()).toEqual(
      [`${main} --> ${a}`, `${main} --> ${lib}`, `${a} --> ${lib}`].toSorted(),
    );
  });

  it('draws at most 20 files and lists at most 10', () => {
    const many = Array.from({ length: 30 }, (_, index) => [`f${index}.js`, "import './hub.js';"]);
    const draft = draftOf(sources({ 'hub.js': '', ...Object.fromEntries(many) }));
    const graph = draft.sections.find(({ id }) => id === 'import-graph')?.body ?? '';
    expect(graph.match(/^ {2}file\d+\[/gm)).toHaveLength(20);
    expect(graph.match(/-->/g)).toHaveLength(19);
    expect(graph).toContain('The 20 most connected of 31 connected files');
    expect(graph).toContain('21 more are left out.');
  });

  it('compares only longer files by their comments', () => {
    const section = sectionOf('least-commented');
    expect(section).toContain('| `src/main.ts` | 63 | 0 | 0.0 % |');
    expect(section).not.toContain('src/view.jsx');
  });
});

describe('refineReport', () => {
  it('makes the whole report, summary first, with tables that stand in columns', () => {
    const two = sources({ 'a.ts': 'import "./b.ts";\nf();\n', 'b.js': '// TODO\n', 'b.ts': '' });
    expect(report(two).markdown).toBe(`# A report

3 files with 3 lines were analysed. Most notable: the largest file is \`a.ts\` with 2 lines, 2 times the median; 1 TODO or FIXME mark, 1 of them in \`b.js\`.

## Overview

| Language   | Files | Lines | Code | Comment | Functions | TODO |
| ---------- | ----: | ----: | ---: | ------: | --------: | ---: |
| javascript |     1 |     1 |    0 |       1 |         0 |    1 |
| typescript |     2 |     2 |    2 |       0 |         0 |    0 |
| all        |     3 |     3 |    2 |       1 |         0 |    1 |

## Largest files

| File   | Lines | Functions | Deepest nesting | TODO |
| ------ | ----: | --------: | --------------: | ---: |
| \`a.ts\` |     2 |         0 |               0 |    0 |
| \`b.js\` |     1 |         0 |               0 |    1 |
| \`b.ts\` |     0 |         0 |               0 |    0 |

## Most imported modules

| Module | Imported by | Importers |
| ------ | ----------- | --------: |
| \`b.ts\` | \`a.ts\`      |         1 |

## Import hubs

| File   | Imports | Imported by |
| ------ | ------: | ----------: |
| \`a.ts\` |       1 |           0 |
| \`b.ts\` |       0 |           1 |

The 2 most connected of 2 connected files; an arrow points to what is imported.

\`\`\`mermaid
graph LR
  file0["a.ts"]
  file1["b.ts"]
  file0 --> file1
\`\`\`
`);
  });

  it('puts syntax errors first, and at most three findings', () => {
    const summary = report(analyses).markdown.split('\n')[2] ?? '';
    expect(summary).toMatch(
      /^5 files with \d+ lines were analysed\. Most notable: \d syntax error/,
    );
    expect(summary.split('; ')).toHaveLength(3);
  });

  it('gives the same report for the same sources in any order', () => {
    const text = `import './k.ts';\n// TODO\nconst same = () => {};\n${body}`;
    const alike = sources({ 'a.ts': text, 'b.ts': text, 'c.ts': text, 'k.ts': text });
    expect(report(alike.toReversed())).toEqual(report(alike));
  });

  it('passes what its own steps made, and measures it', () => {
    const { quality, problems } = report(analyses);
    expect(problems).toEqual([]);
    expect(quality).toMatchObject({ coherence: 1, relevance: 1 });
    expect(quality.creativity).toBeGreaterThan(0);
    expect(quality.creativity).toBeLessThan(1);
  });

  it.each([
    ['an unknown file', 'See `src/nowhere.ts`.', 'it names a file that was not analysed'],
    ['a drawn unknown file', '```mermaid\ngraph LR\n  a["no.ts"]\n```', 'it names a file'],
    ['nothing', ' \n', 'it is empty'],
    ['a table without rows', '| a |\n| --- |', 'a table has no rows'],
    ['a row too short', '| a | b |\n| --- | --- |\n| c |', 'the rows of a table differ'],
  ])('leaves out a section with %s', (_name, text, problem) => {
    const draft = draftOf(analyses);
    const [first, ...others] = draft.sections.map((section) => {
      return section.id === 'overview' ? { ...section, body: text } : section;
    });
    if (first === undefined) throw new Error('a draft has sections');
    const refined = refineReport({ ...draft, sections: [first, ...others] }, analyses);
    expect(refined.markdown).not.toContain('## Overview');
    expect(refined.markdown).toContain('## Largest files');
    expect(refined.quality.coherence).toBe(6 / 7);
    expect(refined.problems).toHaveLength(1);
    expect(refined.problems[0]?.problem).toContain(problem);
  });

  it('says how much of the source it names, and how often it repeats itself', () => {
    const two = sources({ 'a.ts': 'a;\nb;\nc;\n', 'b.ts': 'd;\n' });
    const draft: ReportDraft = {
      title: 'Short',
      sections: [{ id: 'overview', heading: 'Overview', body: 'Only `b.ts`, only `b.ts`.' }],
    };
    // The summary names a.ts, the largest file, once.
    const { quality } = refineReport(draft, two);
    expect(quality).toEqual({ coherence: 1, relevance: 1, creativity: 2 / 3 });
    const one = refineReport(draft, two.slice(1));
    expect(one.quality).toEqual({ coherence: 1, relevance: 1, creativity: 1 / 2 });
  });

  it('reports on nothing', () => {
    expect(report([])).toEqual({
      markdown: '# A report\n\nNo source was analysed.\n',
      quality: { coherence: 0, relevance: 0, creativity: 0 },
      problems: [],
    });
  });

  it('takes odd names as they are', () => {
    const odd = [
      'a|b.ts',
      'c`d.ts',
      '``.ts',
      'e\nf.ts',
      '# g.ts',
      '["h"].ts',
      '*_<i>&.ts',
      'j].ts',
    ];
    const named = Object.fromEntries(
      odd.map((name) => [name, "import './k.ts'; const o = { '`|x\\n': () => {} };"]),
    );
    const { markdown, problems } = report(sources({ ...named, 'k.ts': '' }), '# Odd\n`title`');
    expect(problems).toEqual([]);
    expect(markdown.split('\n')[0]).toBe('# \\# Odd \\`title\\`');
    expect(markdown).toContain('`a\\|b.ts`');
    expect(markdown).toContain('`` c`d.ts ``');
    expect(markdown).toContain('`e f.ts`');
    expect(markdown).toContain('["[#quot;h#quot;].ts"]');
  });
});

function sources(textByPath: Readonly<Record<string, string>>): SourceAnalysis[] {
  return Object.entries(textByPath).map(([path, text]) => analyseSource(path, text));
}

function draftOf(of: readonly SourceAnalysis[], title = 'A report'): ReportDraft {
  return draftReport(planReport(title, of), of);
}

function report(of: readonly SourceAnalysis[], title?: string): RefinedReport {
  return refineReport(draftOf(of, title), of);
}

function sectionOf(wanted: string): string {
  return draftOf(analyses).sections.find(({ id }) => id === wanted)?.body ?? '';
}
