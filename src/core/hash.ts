/** SHA-256, the one hash of this project. */
import { createHash } from 'node:crypto';

/** The SHA-256 of some bytes or of a text in UTF-8, in hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The SHA-256 of parts, each ended by a newline: takes one at a time, so the whole is never in memory. */
export function sha256OfLines(lines: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(line).update('\n');
  return hash.digest('hex');
}
