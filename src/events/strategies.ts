/** The names of the strategies that resolve conflicts, and what a configuration may say of them. */
import * as z from 'zod';
import { parsePattern } from '../core/path.ts';

/** The names of the strategies (specification, `ConflictResolver`). */
export const CONFLICT_STRATEGIES = [
  'last-write-wins',
  'first-write-wins',
  'merge-objects',
  'merge-arrays',
  'higher-priority-wins',
] as const;

/** The name of a strategy. */
export type ConflictStrategy = (typeof CONFLICT_STRATEGIES)[number];

export const strategySchema = z.enum(CONFLICT_STRATEGIES);

/** Patterns in `config.conflicts`: every one is compared when two writes conflict. */
const CONFLICT_RULES_MAX = 64;
/** Characters of one such pattern. */
const PATTERN_CHARS_MAX = 256;

/** `config.conflicts`: strategies by path pattern. */
export const conflictsSchema = z
  .record(
    z
      .string()
      .max(PATTERN_CHARS_MAX)
      .refine((pattern) => parsePattern(pattern).ok, 'a path pattern'),
    strategySchema,
  )
  .refine(
    (rules) => Object.keys(rules).length <= CONFLICT_RULES_MAX,
    `at most ${CONFLICT_RULES_MAX} patterns`,
  );
