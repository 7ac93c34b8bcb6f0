/**
 * Lifts payloads that were written by an earlier version of this program to today's, when they are read.
 *
 * An unknown version is refused, never guessed. Commands are lifted by the same steps before they are decided again.
 */
import { Fault } from '../core/errors.ts';
import type { EarlierVersion } from './definition.ts';

/** What a payload is, as far as lifting it goes. */
export interface Versioned {
  readonly version: number;
  readonly earlier: readonly EarlierVersion[];
}

/** Lifts a payload from the version that it was written in to the current one. Throws `FORMAT_UNSUPPORTED`. */
export function upcast(
  type: string,
  definition: Versioned,
  written: {
    readonly version: number;
    readonly payload: Readonly<Record<string, unknown>>;
    readonly sequence: number;
  },
): Readonly<Record<string, unknown>> {
  let { payload } = written;
  for (let version = written.version; version !== definition.version; version++) {
    payload = earlierVersion(type, definition, version, written.sequence).lift(payload);
  }
  return payload;
}

/**
 * The former version of a definition; `sequence` is that of the event, when it is one.
 * Throws `FORMAT_UNSUPPORTED` when it never was one.
 */
export function earlierVersion(
  type: string,
  definition: Versioned,
  version: number,
  sequence?: number,
): EarlierVersion {
  const earlier = definition.earlier.find((one) => one.version === version);
  if (earlier === undefined) {
    const known = definition.version;
    const at = sequence === undefined ? '' : ` at sequence ${sequence}`;
    throw new Fault(
      'FORMAT_UNSUPPORTED',
      `${type}${at} was written in version ${version}; this program knows up to ${known}. Use a newer program.`,
      { details: { type, version, known, ...(sequence !== undefined && { sequence }) } },
    );
  }
  return earlier;
}
