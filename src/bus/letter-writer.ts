/**
 * Writes dead letters: of each event that is given up, in the commit that says that the subscription is done with it.
 */
import { ERRORS, Fault, Refused, type Refusal } from '../core/errors.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { firstOf, labelsOf, lastOf, type Job, type LetterError } from './job.ts';
import type { BusPorts } from './ports.ts';
import type { Progress } from './progress.ts';
import type { SettledOptions } from './subscribe-options.ts';

/** What letters are written with. */
export interface LetterParts {
  /** The id of the subscription. */
  readonly id: string;
  readonly source: AgentIdentity;
  readonly options: SettledOptions;
  readonly ports: BusPorts;
  readonly progress: Progress;
}

/** Letters, or why not, and what of the job is still to be given up. */
export type Written =
  { readonly ok: true } | { readonly ok: false; readonly refusal: Refusal; readonly rest: Job };

const MESSAGE_CHARS_MAX = 2_000;
/** The most letters of one commit. */
const LETTERS_MAX = 32;
/** Refusals after which nothing will be granted to this subscriber. */
const FINAL: ReadonlySet<string> = new Set([
  'SESSION_OFFLINE',
  'UNKNOWN_SESSION',
  'NOT_FOUND',
  'NOT_HOLDER',
  'FORBIDDEN',
  'READ_ONLY',
  'CLOSED',
  'HALTED',
]);

/** Whether a refusal is about who asks; one of a part of a compound command is about that part, and may be mended. */
export function isFinal({ code, details }: Refusal): boolean {
  return FINAL.has(code) && details['part'] === undefined;
}

/** Writes the dead letters of one subscription. */
export class LetterWriter {
  readonly #parts: LetterParts;

  constructor(parts: LetterParts) {
    this.#parts = parts;
  }

  /** Writes a letter for each event of a job, some in each commit. */
  write(job: Job): Written {
    const { options, ports, source, progress } = this.#parts;
    // An unordered delivery may be ahead of one that is open, so it says that it is done when the others are.
    const advances =
      options.name !== undefined &&
      options.ordered &&
      options.delivery !== 'at-most-once' &&
      job.letter === undefined;
    const together = Math.max(1, Math.min(LETTERS_MAX, ports.limits().compoundCommandsMax - 1));
    const opened = job.opened ?? firstOf(job);
    for (let at = 0; at < job.entries.length; at += together) {
      const some = { ...job, opened, entries: job.entries.slice(at, at + together) };
      const letters = some.entries.map(({ fact }) => this.#letter(job, fact.sequence));
      const advance = {
        type: 'subscription.advance',
        payload: { name: options.name, through: lastOf(some) },
      };
      const commands = advances ? [...letters, advance] : letters;
      const compound = { type: 'compound.apply', payload: { commands } };
      const { refusal, answer } = ports.ask({ ...compound, ...labelsOf(some) }, source);
      if (refusal !== undefined) {
        return { ok: false, refusal, rest: { ...job, opened, entries: job.entries.slice(at) } };
      }
      answer.catch(() => undefined); // a halt is told elsewhere
      if (advances) progress.said(lastOf(some));
    }
    if (advances) progress.advanced(job);
    else if (options.delivery !== 'at-most-once') progress.done(job);
    return { ok: true };
  }

  #letter({ attempt, letter, givenUp }: Job, eventSequence: number) {
    const subscription = this.#parts.options.name ?? this.#parts.id;
    const attempts = attempt + (letter?.attempts ?? 0);
    const payload = { subscription, eventSequence, attempts, error: givenUp };
    return { type: 'deadletter.add', payload };
  }
}

/** What is kept of whatever a handler threw. */
export function described(error: unknown): LetterError {
  try {
    const isOurs = (error instanceof Refused || error instanceof Fault) && error.code in ERRORS;
    const said: unknown = error instanceof Error ? error.message : String(error);
    const message = typeof said === 'string' ? said : 'it says nothing that is a text';
    return {
      code: isOurs ? error.code : 'HANDLER_FAILED',
      message: message.slice(0, MESSAGE_CHARS_MAX),
    };
  } catch {
    return { code: 'HANDLER_FAILED', message: 'what was thrown cannot be read' };
  }
}
