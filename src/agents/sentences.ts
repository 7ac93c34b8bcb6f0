/** Figures and names in sentences for people. */

/** So many names are told one by one. */
const NAMES_MAX = 5;

/** A share, 0–1, in per cent. */
export function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}

/** Names in their order, each once; of many the first few, and how many more. */
export function names(list: readonly string[]): string {
  const all = [...new Set(list)].toSorted();
  const more = all.length - NAMES_MAX;
  const told = all.slice(0, NAMES_MAX).join(', ');
  return more > 0 ? `${told} and ${more} more` : told;
}

/** A sentence about one or several: `ant is late`, `ant, bee are late`. */
export function sentence(
  who: readonly string[],
  one: string,
  several: string,
  what: string,
): string {
  return `${names(who)} ${new Set(who).size > 1 ? several : one} ${what}`;
}
