/** What came of something that may be refused at once. */

/** The code with which it was refused, or `granted`. */
export function codeOf(ask: () => unknown): string {
  try {
    ask();
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
  return 'granted';
}
