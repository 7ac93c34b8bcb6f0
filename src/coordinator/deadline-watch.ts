/**
 * Watches the deadlines of the state, and records the ones that have come as commands of the coordinator (I9).
 *
 * Time can fail in one way that matters here: this process may stand still (a long computation, a suspended machine) while
 * the sessions live. Then a timer fires late, and all sessions look dead at once. So, as long as the silence of a session
 * has a deadline, the watch looks at the clock at least every `stallMs`; when it finds that it did not, it first records the gap, which moves the deadlines of all sessions by as
 * much: a stall of ours kills nobody. Leases of locks are absolute and do run out.
 */
import type { CancelTimer, SwarmClock } from '../core/clock.ts';
import { unreachable } from '../core/errors.ts';
import { eventId } from '../events/envelope.ts';
import type { Deadline } from '../events/view.ts';
import type { Projector } from '../projections/projector.ts';
import type { CommandInput } from '../protocol/commands.ts';
import { handoffChain } from './handoff-chain.ts';

/** Whom the watch tells. */
export interface DeadlineReports {
  /** Records a command at a time: the one at which it was looked what is due. */
  record(command: CommandInput, timeMs: number): void;
  /** A timer came, and recording what was due failed. */
  onFault(error: unknown): void;
}

/** Watches the deadlines of one swarm. */
export class DeadlineWatch {
  readonly #projector: Projector;
  readonly #clock: SwarmClock;
  readonly #tell: DeadlineReports;
  #timer: { readonly atMs: number; readonly cancel: CancelTimer } | undefined;
  /** When this process last looked at the clock. */
  #lookedMs: number;
  #closed = false;

  constructor(
    { projector, clock }: { readonly projector: Projector; readonly clock: SwarmClock },
    tell: DeadlineReports,
  ) {
    this.#projector = projector;
    this.#clock = clock;
    this.#tell = tell;
    this.#lookedMs = clock.nowMs();
  }

  /** Records every deadline that is due at a time, the earliest first, and what each of them brings about. */
  settle(nowMs: number): void {
    const { deadlines } = this.#projector;
    this.#noteStall(nowMs);
    while (deadlines.earliestMs <= nowMs) {
      const due = deadlines.next();
      if (due === undefined || due.atMs > nowMs) return;
      this.#tell.record(this.#commandFor(due), nowMs);
    }
  }

  /** Sets the timer for the next deadline, or for the next look at the clock. */
  arm(): void {
    const nextMs = this.#nextLookMs();
    if (this.#closed || nextMs === undefined) return;
    const atMs = Math.max(nextMs, this.#lookedMs); // a timer is late only for a time that was still to come
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return;
    this.#timer?.cancel();
    const cancel = this.#clock.scheduleAt(atMs, () => {
      try {
        this.fire();
      } catch (error) {
        this.#tell.onFault(error); // nobody called, so nobody else could catch it
      }
    });
    this.#timer = { atMs, cancel };
  }

  /** The timer has come. How late it is shows that this process stood still, so it is let go only after that was seen. */
  fire(): void {
    if (this.#closed) return;
    this.settle(this.#clock.nowMs());
    this.#disarm();
    this.arm();
  }

  close(): void {
    this.#closed = true;
    this.#disarm();
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #noteStall(nowMs: number): void {
    const gapMs = nowMs - this.#lookedMs;
    const stallMs = this.#projector.swarm?.limits.stallMs ?? Number.POSITIVE_INFINITY;
    const lateMs = this.#timer === undefined ? 0 : nowMs - this.#timer.atMs;
    this.#lookedMs = nowMs;
    if (lateMs <= stallMs || this.#projector.counts.watched === 0) return;
    this.#disarm(); // the late timer has told all it can; the commands that waited with it are not another stall
    this.#tell.record({ type: 'system.stall', payload: { gapMs } }, nowMs);
    this.arm();
  }

  /** When to look next; undefined when nothing runs out. A stall matters only where somebody could look silent. */
  #nextLookMs(): number | undefined {
    const { deadlines, counts, swarm } = this.#projector;
    if (counts.watched === 0 || swarm === undefined) return deadlines.next()?.atMs;
    return Math.min(deadlines.earliestMs, this.#lookedMs + swarm.limits.stallMs);
  }

  /** The command that records a deadline, with the event that led to it. */
  #commandFor(due: Deadline): CommandInput {
    switch (due.kind) {
      case 'session':
        return { type: 'session.expire', payload: { sessionId: due.id }, ...this.#chain(due.id) };
      case 'sweep':
        return { type: 'session.sweep', payload: { sessionId: due.id }, ...this.#chain(due.id) };
      case 'stalled':
        return { type: 'session.report_stalled', payload: { sessionId: due.id } };
      case 'hand_over': {
        const { touched } = this.#projector.session(due.id) ?? {};
        const { causationId } = this.#cause(touched?.fields?.['status']?.sequence);
        return {
          type: 'session.hand_over',
          payload: { sessionId: due.id },
          ...(causationId === undefined ? {} : { causationId, correlationId: causationId }),
        };
      }
      case 'task': {
        const taskId = this.#projector.running.firstOf(due.id) ?? '';
        const started = this.#projector.task(taskId)?.touched.fields?.['startedAt'];
        return { type: 'task.expire', payload: { taskId }, ...this.#cause(started?.sequence) };
      }
      case 'cascade':
        return { type: 'task.cascade', payload: { taskId: due.id }, ...this.#cascade(due.id) };
      case 'lock':
      case 'wait':
      case 'upgrade':
        return {
          type: 'lock.expire',
          payload: { lockId: due.id },
          ...this.#cause(this.#lockEvent(due)),
        };
      case 'handoff':
        return {
          type: 'handoff.expire',
          payload: { handoffId: due.id },
          ...handoffChain(this.#projector, due.id),
        };
      default:
        return unreachable(due);
    }
  }

  #lockEvent({ kind, id, resource }: Extract<Deadline, { resource: string }>): number | undefined {
    const record = this.#projector.resource(resource);
    if (kind === 'upgrade') return record?.upgrade?.sequence;
    const list = kind === 'lock' ? record?.holders : record?.queue;
    return list?.find((one) => one.id === id)?.touched.whole.sequence;
  }

  #cause(sequence: number | undefined): { causationId?: string } {
    const swarmId = this.#projector.swarm?.swarmId;
    return sequence === undefined || swarmId === undefined
      ? {}
      : { causationId: eventId(swarmId, sequence) };
  }

  /** What follows from the end of a task carries the correlation of what ended the first of them. */
  #cascade(taskId: string): { causationId?: string; correlationId?: string } {
    const { graph } = this.#projector;
    const cause = this.#cause(this.#projector.task(taskId)?.touched.fields?.['status']?.sequence);
    const correlationId = graph.cascades.get(taskId);
    return correlationId === undefined ? cause : { ...cause, correlationId };
  }

  /** What follows from the error of a session carries the correlation of the event that began it. */
  #chain(sessionId: string): { causationId?: string; correlationId?: string } {
    const session = this.#projector.session(sessionId);
    if (session === undefined || (session.status !== 'error' && session.status !== 'offline'))
      return {};
    const { causationId } = this.#cause(session.touched.fields?.['status']?.sequence);
    const { causationId: correlationId } = this.#cause(session.endedBy ?? undefined);
    return causationId === undefined
      ? {}
      : { causationId, correlationId: correlationId ?? causationId };
  }
}
