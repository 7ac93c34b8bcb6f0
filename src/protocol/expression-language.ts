/**
 * The language of routing rules, loaded when somebody needs it: that takes a tenth of a second, and most programs that open a
 * swarm have no rules.
 *
 * Whoever registers a Conductor, opens a swarm that has one, or is one, waits for it. Only Conductors have rules.
 */
type Language = Pick<typeof import('./expression.ts'), 'checkExpression' | 'compileExpression'>;

let language: Language | undefined;

/** Loads the language. */
export async function loadLanguage(): Promise<void> {
  language ??= await import('./expression.ts');
}

/** The language; undefined while nobody has loaded it. */
export function languageNow(): Language | undefined {
  return language;
}
