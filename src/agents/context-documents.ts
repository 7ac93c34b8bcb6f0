/**
 * What a Dream Weaver reads: documents, as many as its context window has room for.
 *
 * How many tokens a text has depends on the model that reads it. Counted is an estimate that is known and the same everywhere:
 * a token for every four characters, rounded up. A document that does not fit is left out as a whole, and that is told.
 */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DreamWeaverState } from '../events/state-schemas.ts';

/** A document in the window. */
export interface ContextDocument {
  /** As it was named. */
  readonly name: string;
  readonly text: string;
  readonly tokens: number;
}

/** A context window, as the state has it. */
export type ContextWindow = DreamWeaverState['data']['contextWindow'];

/** What came of some documents. */
export interface Context {
  readonly window: ContextWindow;
  readonly documents: readonly ContextDocument[];
  /** Sentences: what was left out, and why. */
  readonly leftOut: readonly string[];
}

/** English and code have about four characters to a token. */
export const CHARS_PER_TOKEN = 4;
/** A character has at most four bytes in UTF-8. */
const BYTES_PER_CHAR_MAX = 4;
/** No context window has so many bytes; and to read them all would not help to find that out. */
const DOCUMENT_BYTES_MAX = 16_777_216;

/** The estimate of the tokens of a text. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / CHARS_PER_TOKEN);
}

/**
 * Adds documents to a window, in their order, each as long as there is room; a later one may fit where an earlier one did not.
 * Those that are in it already are read again, and not counted again. 0 for `maxTokens` is no budget.
 */
export async function withDocuments(
  window: ContextWindow,
  names: readonly string[],
  directory: string,
): Promise<Context> {
  const inWindow = [...window.documents];
  let { usedTokens } = window;
  const documents: ContextDocument[] = [];
  const leftOut: string[] = [];
  for (const name of new Set(names)) {
    const isCounted = inWindow.includes(name);
    const room = window.maxTokens === 0 || isCounted ? Infinity : window.maxTokens - usedTokens;
    const found = await readWithin(resolve(directory, name), room);
    if (typeof found === 'string') {
      leftOut.push(`${name} was left out: ${found}`);
      continue;
    }
    documents.push({ name, ...found });
    if (isCounted) continue;
    inWindow.push(name);
    usedTokens += found.tokens;
  }
  return { window: { ...window, documents: inWindow, usedTokens }, documents, leftOut };
}

/** A document that fits into so many tokens, or why it does not. */
async function readWithin(
  path: string,
  room: number,
): Promise<Omit<ContextDocument, 'name'> | string> {
  try {
    const { size } = await stat(path);
    const tokensMin = size / BYTES_PER_CHAR_MAX / CHARS_PER_TOKEN;
    if (size > DOCUMENT_BYTES_MAX) return `it has more than ${DOCUMENT_BYTES_MAX} bytes`;
    const isTooLong = `it does not fit into the ${room} tokens that are left`;
    if (tokensMin > room) return isTooLong; // for which it need not be read
    const text = await readFile(path, 'utf8');
    const tokens = estimateTokens(text);
    return tokens > room ? isTooLong : { text, tokens };
  } catch (error) {
    return `it cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}
