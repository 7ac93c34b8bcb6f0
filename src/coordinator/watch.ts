/**
 * Watching the state: everybody who watches is told what a commit changed, when it is durable.
 *
 * Keeps I2. What the records of a commit show is taken before and after its fold, since the state moves on before the disk
 * has it; only what a pattern of somebody leads to is taken, and nothing while nobody watches.
 * Not here: what waits for a watcher (watch-queue.ts), which records a commit may change (places.ts).
 */
import { refuse, Refused, type Refusal } from '../core/errors.ts';
import { frozen } from '../core/json.ts';
import { formatPath, parsePattern, type PathStep } from '../core/path.ts';
import { advance, startOf, type Pattern, type Positions } from '../core/pattern.ts';
import { lastSequence, type Commit } from '../events/envelope.ts';
import { patternInFull } from '../events/full-path.ts';
import { valueAt } from '../events/state.ts';
import { differences } from '../projections/changes.ts';
import {
  keyOf,
  leadsToRecord,
  namedRecord,
  recordsOf,
  shownAt,
  wantedAt,
  withoutDerived,
  type RecordPlace,
  type Wanted,
} from '../projections/places.ts';
import type { Projector } from '../projections/projector.ts';
import { versionedAs } from '../projections/versions.ts';
import { WatchQueue, type StateChange } from './watch-queue.ts';

/** How somebody watches. */
export interface WatchOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal;
}

/** Who watches what. */
interface Watcher {
  readonly pattern: Pattern;
  readonly queue: WatchQueue;
  readonly canRead: (steps: readonly PathStep[]) => boolean;
}

/** A watcher whose pattern leads to a record. */
interface Concerned {
  readonly watcher: Watcher;
  /** Where its pattern is at the record. */
  readonly positions: Positions;
}

/** A record that somebody watches, as it was before the fold. */
interface Before {
  readonly place: RecordPlace;
  readonly concerned: readonly Concerned[];
  readonly wanted: Wanted;
  readonly shown: unknown;
}

/** Everybody who watches one swarm. */
export class Watches {
  readonly #projector: Projector;
  readonly #watchers = new Set<Watcher>();
  /** Those who watch one record, by its key; most watch little, and are not asked about the rest. */
  readonly #ofRecord = new Map<string, Set<Watcher>>();
  readonly #ofMany = new Set<Watcher>();

  constructor(projector: Projector) {
    this.#projector = projector;
  }

  /**
   * Watches from now on. Throws `INVALID_PATH`; `INVALID_INPUT` for a pattern that leads to no record; `LIMIT_EXCEEDED` when
   * too many watch.
   */
  watch(
    text: string,
    canRead: (steps: readonly PathStep[]) => boolean,
    { signal }: WatchOptions = {},
  ): WatchQueue {
    const parsed = parsePattern(text);
    if (!parsed.ok) throw new Refused(parsed);
    const pattern = patternInFull(parsed.segments);
    if (!leadsToRecord(pattern)) throw new Refused(tellsNothing(text));
    const max = this.#projector.swarm?.limits.watchersMax ?? 0;
    if (this.#watchers.size >= max) throw new Refused(tooMany(max));
    const onEnd = () => this.#remove(watcher);
    const queue = new WatchQueue(this.#projector.sequence, { onEnd, signal });
    const watcher: Watcher = { pattern, queue, canRead };
    this.#add(watcher);
    if (signal?.aborted === true) void queue.return();
    return queue;
  }

  #add(watcher: Watcher): void {
    this.#watchers.add(watcher);
    const key = namedRecord(watcher.pattern);
    const named = this.#ofRecord.get(key ?? '');
    if (key === undefined) this.#ofMany.add(watcher);
    else if (named === undefined) this.#ofRecord.set(key, new Set([watcher]));
    else named.add(watcher);
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    this.#ofMany.delete(watcher);
    const key = namedRecord(watcher.pattern) ?? '';
    const named = this.#ofRecord.get(key);
    named?.delete(watcher);
    if (named?.size === 0) this.#ofRecord.delete(key);
  }

  /** Folds a commit, and keeps what it changed for those who watch it. */
  fold(commit: Commit): void {
    if (this.#watchers.size === 0) {
      this.#projector.apply(commit);
      return;
    }
    const records = recordsOf(this.#projector, commit).flatMap((place) => this.#before(place));
    this.#projector.apply(commit);
    const changes = new Map<Watcher, StateChange[]>();
    for (const record of records) this.#compare(record, commit, changes);
    const sequence = lastSequence(commit);
    const { watchBufferMax = 0 } = this.#projector.swarm?.limits ?? {};
    for (const [{ queue }, found] of changes) queue.offer(found, sequence, watchBufferMax);
  }

  /** What a record shows before the fold; nothing when nobody watches it. */
  #before(place: RecordPlace): readonly Before[] {
    const concerned: Concerned[] = [];
    let wanted: Wanted = new Set();
    const named = this.#ofRecord.get(keyOf(place)) ?? [];
    for (const watcher of [...named, ...this.#ofMany]) {
      if (watcher.queue.isFull) continue;
      let positions = startOf(watcher.pattern);
      for (const step of place) positions = advance(watcher.pattern, positions, step);
      if (positions.length === 0) continue;
      concerned.push({ watcher, positions });
      wanted = both(wanted, wantedAt(watcher.pattern, positions));
    }
    if (concerned.length === 0) return [];
    return [{ place, concerned, wanted, shown: shownAt(this.#projector, place, wanted) }];
  }

  #compare(record: Before, commit: Commit, changes: Map<Watcher, StateChange[]>): void {
    const { place, concerned, wanted, shown } = record;
    const now = shownAt(this.#projector, place, wanted);
    const compared = {
      before: withoutDerived(place, shown),
      after: withoutDerived(place, now),
    };
    for (const { watcher, positions } of concerned) {
      for (const inside of differences(compared, { pattern: watcher.pattern, positions })) {
        const steps = [...place, ...inside];
        if (!watcher.canRead(steps)) continue;
        const found = changes.get(watcher);
        const change = this.#change(
          steps,
          { value: valueAt(now, inside), isGone: now === undefined },
          commit,
        );
        if (found === undefined) changes.set(watcher, [change]);
        else found.push(change);
      }
    }
  }

  #change(
    steps: readonly PathStep[],
    { value, isGone }: { readonly value: unknown; readonly isGone: boolean },
    commit: Commit,
  ): StateChange {
    const path = formatPath(steps);
    const sequence = lastSequence(commit);
    if (isGone) {
      const by = commit.command.source;
      return frozen({ path, value, version: sequence, deleted: true, by, sequence });
    }
    const { version, lastModifiedBy: by } = versionedAs(this.#projector, steps, value);
    if (value === undefined) return frozen({ path, value, version, deleted: true, by, sequence });
    return frozen({ path, value, version, by, sequence });
  }

  /** Tells those who watch what is durable now. */
  durable(commits: readonly Commit[]): void {
    const last = commits.at(-1);
    if (last === undefined || this.#watchers.size === 0) return;
    for (const { queue } of this.#watchers) queue.durable(lastSequence(last));
  }

  /** The swarm ends: whoever watches is told why, after what was durable. */
  close(reason: Refusal): void {
    for (const { queue } of this.#watchers) queue.close(reason);
  }
}

function both(one: Wanted, other: Wanted): Wanted {
  return one === 'all' || other === 'all' ? 'all' : new Set([...one, ...other]);
}

function tellsNothing(pattern: string): Refusal {
  return refuse(
    'INVALID_INPUT',
    `${JSON.stringify(pattern)}: a watch tells what changes in a record, such as a task or a session, and not a collection or the history. Watch what is in it, as in global.tasks.* or agents.*.*.status.`,
    { pattern },
  );
}

function tooMany(max: number): Refusal {
  return refuse('LIMIT_EXCEEDED', `${max} watches are open already (watchersMax). End one first.`, {
    limit: 'watchersMax',
    max,
  });
}
