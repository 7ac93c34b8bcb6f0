/**
 * Whether a keyword stands in a goal: a word, or several, with no letter, digit or `_` right before or after it, in upper or
 * lower case.
 *
 * Only the beginning of a goal is looked at, and every keyword costs one step for each of its characters and of those: whoever
 * may write goals or rules cannot make a Conductor stand still.
 */

/** So many characters of a goal are looked at. */
export const GOAL_CHARS_READ = 4_096;

/** The beginning of a goal, ready to be searched again and again. */
export interface GoalWords {
  readonly text: string;
  /** For each UTF-16 unit of the text, 1 when it is part of a letter, a digit or `_`. */
  readonly inWord: Uint8Array;
}

const OF_WORD = /^[\p{L}\p{N}_]$/u;

/** Makes the beginning of a goal ready. A word that the end cuts off is none. */
export function goalWords(goal: string): GoalWords {
  const begin = goal.length > GOAL_CHARS_READ ? `${goal.slice(0, GOAL_CHARS_READ)}_` : goal;
  const text = begin.toLowerCase();
  const inWord = new Uint8Array(text.length);
  let at = 0;
  for (const character of text) {
    if (OF_WORD.test(character)) inWord.fill(1, at, at + character.length);
    at += character.length;
  }
  return { text, inWord };
}

/** Whether a keyword stands in a goal. An empty one never does. */
export function hasKeyword({ text, inWord }: GoalWords, keyword: string): boolean {
  const word = keyword.toLowerCase();
  if (word === '' || word.length > text.length) return false;
  const shorter = prefixes(word);
  let matched = 0;
  for (let at = 0; at < text.length; at += 1) {
    while (matched > 0 && text[at] !== word[matched]) matched = shorter[matched - 1] ?? 0;
    if (text[at] === word[matched]) matched += 1;
    if (matched < word.length) continue;
    const isInside = inWord[at - word.length] === 1 || inWord[at + 1] === 1;
    if (!isInside) return true;
    matched = shorter[matched - 1] ?? 0;
  }
  return false;
}

/** For each beginning of a word, how long the longest shorter beginning is with which it ends (Knuth, Morris and Pratt). */
function prefixes(word: string): Uint32Array {
  const lengths = new Uint32Array(word.length);
  let length = 0;
  for (let at = 1; at < word.length; at += 1) {
    while (length > 0 && word[at] !== word[length]) length = lengths[length - 1] ?? 0;
    if (word[at] === word[length]) length += 1;
    lengths[at] = length;
  }
  return lengths;
}
