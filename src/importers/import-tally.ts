/** Counts what became of the records of an import. */
import type { ErrorCode } from '../core/errors.ts';
import type { CloseBy } from './beads-item.ts';
import type { BeadsKind } from './beads-record.ts';

/** How many were asked for, and what became of them. */
export interface Outcomes {
  readonly records: number;
  readonly accepted: number;
  readonly refused: number;
}

/** The outcomes of a kind of record that became the same commands. */
export interface MappedOutcomes extends Outcomes {
  readonly kind: BeadsKind | 'unreadable line';
  /** The types of the commands, in order; empty where a record asked for nothing that could be decided. */
  readonly commands: readonly string[];
}

/** What became of one record. */
export interface Outcome {
  readonly id: number | string;
  readonly kind: MappedOutcomes['kind'];
  readonly commands: readonly string[];
  readonly closeBy?: CloseBy | undefined;
  readonly code?: ErrorCode | undefined;
}

/** How many record ids are kept of each reason. */
const EXAMPLES_MAX = 5;
const NONE: Outcomes = { records: 0, accepted: 0, refused: 0 };

/** The counts of an import so far. */
export class ImportTally {
  #all = NONE;
  readonly #mapped = new Map<string, MappedOutcomes>();
  readonly #closes = new Map<CloseBy, Outcomes>();
  readonly #examples = new Map<ErrorCode, (number | string)[]>();
  readonly #reasons = new Map<ErrorCode, number>();

  add(outcome: Outcome): void {
    const { id, kind, commands, closeBy, code } = outcome;
    this.#all = plus(this.#all, code);
    const key = [kind, ...commands].join(' ');
    this.#mapped.set(key, { kind, commands, ...plus(this.#mapped.get(key) ?? NONE, code) });
    if (closeBy !== undefined) {
      this.#closes.set(closeBy, plus(this.#closes.get(closeBy) ?? NONE, code));
    }
    if (code === undefined) return;
    this.#reasons.set(code, (this.#reasons.get(code) ?? 0) + 1);
    const examples = this.#examples.get(code) ?? [];
    if (examples.length < EXAMPLES_MAX) this.#examples.set(code, [...examples, id]);
  }

  get all(): Outcomes {
    return this.#all;
  }

  get mapped(): readonly MappedOutcomes[] {
    return [...this.#mapped.values()];
  }

  closesBy(closeBy: CloseBy): Outcomes {
    return this.#closes.get(closeBy) ?? NONE;
  }

  /** The refused, by code; the most frequent first. */
  get reasons(): Readonly<Partial<Record<ErrorCode, number>>> {
    return Object.fromEntries([...this.#reasons].toSorted((a, b) => b[1] - a[1]));
  }

  /** The ids of the first records of each code. */
  get examples(): Readonly<Partial<Record<ErrorCode, readonly (number | string)[]>>> {
    return Object.fromEntries(this.#examples);
  }
}

function plus({ records, accepted, refused }: Outcomes, code: ErrorCode | undefined): Outcomes {
  const isRefused = code !== undefined;
  return {
    records: records + 1,
    accepted: accepted + (isRefused ? 0 : 1),
    refused: refused + (isRefused ? 1 : 0),
  };
}
