/**
 * How far a durable subscription is, and the commands that say so.
 *
 * With at-least-once they follow the handling, one at a time: while one is on its way to the disk, what is done meanwhile is
 * left to the next one. So a quick handler costs less than a commit an event.
 */
import type { Refusal } from '../core/errors.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { firstOf, lastOf, type Job } from './job.ts';
import type { BusPorts } from './ports.ts';

/** After so many events that nobody wanted, that they are passed is recorded: reopening does not look at them again. */
const PASSED_MAX = 10_000;

/** What progress is kept with. */
export interface ProgressParts {
  readonly ports: BusPorts;
  readonly source: AgentIdentity;
  /** Undefined for a subscription that is not durable, whose progress nobody keeps. */
  readonly name: string | undefined;
  readonly through: number;
  /** Told why nothing more can be recorded. */
  readonly onRefusal: (refusal: Refusal) => void;
}

/** The progress of one subscription. */
export class Progress {
  readonly #parts: ProgressParts;
  /** What is recorded, or on its way. */
  #recorded: number;
  /** The last event that was begun. */
  #begun: number;
  /** The first events of what is being handled. */
  readonly #open = new Set<number>();
  #isOnItsWay = false;

  constructor(parts: ProgressParts) {
    this.#parts = parts;
    this.#recorded = parts.through;
    this.#begun = parts.through;
  }

  get isKept(): boolean {
    return this.#parts.name !== undefined;
  }

  /** A delivery begins. That of a dead letter is none of the sequence. */
  begin(job: Job): void {
    if (job.letter !== undefined || !this.isKept) return;
    this.#open.add(keyOf(job));
    this.#begun = Math.max(this.#begun, lastOf(job));
  }

  /** That everything up to a sequence is done was said with something else. */
  said(through: number): void {
    this.#recorded = Math.max(this.#recorded, through);
  }

  /** A delivery is done, which was said with something else. */
  advanced(job: Job): void {
    if (job.letter !== undefined) return;
    this.#open.delete(keyOf(job));
    this.said(lastOf(job));
  }

  /** A delivery is done, which is said when there is time. */
  done(job: Job): void {
    if (job.letter !== undefined || !this.isKept) return;
    this.#open.delete(keyOf(job));
    this.flush();
  }

  /** Everything up to a sequence was looked at, and nothing is open. */
  passed(sequence: number): void {
    if (!this.isKept || this.#open.size > 0 || sequence - this.#recorded < PASSED_MAX) return;
    this.#begun = sequence;
    this.flush();
  }

  /** Says what is done now, unless the one before is still on its way. */
  flush(): void {
    if (!this.#isOnItsWay) this.say();
  }

  /** Says what is done now. */
  say(): void {
    const { name, ports, source } = this.#parts;
    const through = this.#done();
    if (name === undefined || through <= this.#recorded) return;
    this.#recorded = through;
    const command = { type: 'subscription.advance', payload: { name, through } };
    const { refusal, answer } = ports.ask(command, source);
    if (refusal !== undefined) {
      this.#refused(refusal, through);
      return;
    }
    this.#isOnItsWay = true;
    const goOn = () => {
      this.#isOnItsWay = false;
      this.flush();
    };
    answer.then(goOn, () => {
      this.#isOnItsWay = false; // the swarm has halted, and says why
    });
  }

  #refused(refusal: Refusal, through: number): void {
    if (refusal.code === 'OVERLOADED') {
      this.#recorded = through - 1; // said again with the next one
    } else if (refusal.code === 'VERSION_CONFLICT') {
      // Somebody else is further: another subscription of the name, which was there before.
      this.#recorded = Math.max(through, Number(refusal.details['through']));
    } else this.#parts.onRefusal(refusal);
  }

  /** Everything up to this sequence is done. */
  #done(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const sequence of this.#open) first = Math.min(first, sequence);
    return Math.min(first - 1, this.#begun);
  }
}

function keyOf(job: Job): number {
  return job.opened ?? firstOf(job);
}
