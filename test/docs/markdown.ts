/** Makes the generated pages of `docs/` as the formatter would leave them, so that both agree about the file. */
import { format, resolveConfig } from 'prettier';

/** How wide the prose of a page is; tables are as wide as they have to be. */
const LINE_CHARS_MAX = 110;

/** A page as it is stored. */
export async function page(text: string): Promise<string> {
  const path = new URL('../../docs/page.md', import.meta.url).pathname;
  return format(text, {
    ...(await resolveConfig(path)),
    proseWrap: 'always',
    printWidth: LINE_CHARS_MAX,
    parser: 'markdown',
  });
}

/** A table, with its columns left as wide as their cells: a changed row then changes one line. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  const drawn = lines.map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`);
  return `<!-- prettier-ignore -->\n${drawn.join('\n')}`;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
}

/** A block of code in a page. */
export interface Fence {
  readonly language: string;
  readonly line: number;
  readonly code: string;
}

/** The blocks of code in some languages, in order. */
export function fences(text: string, languages: readonly string[]): readonly Fence[] {
  const found: Fence[] = [];
  for (const match of text.matchAll(/^```(\w+)[^\n]*\n(.*?)^```$/gms)) {
    const [, language = '', code = ''] = match;
    const line = text.slice(0, match.index).split('\n').length + 1;
    if (languages.includes(language)) found.push({ language, line, code });
  }
  return found;
}
