/**
 * The views that a checkpoint saves, as data: what rows each has, and how a row comes back.
 *
 * What is not here is derived from what is: deadlines, claimable tasks, indexes; and the event ring, which is read again from
 * the log. The hash of the state covers both kinds (I1).
 */
import { canonicalJson } from '../core/json.ts';
import { sha256OfLines } from '../core/hash.ts';
import type { Projector } from './projector.ts';

/** A view with its rows: pairs of a key and an immutable record. */
export interface SavedView {
  readonly name: string;
  rows(projector: Projector): Iterable<readonly [string, unknown]>;
  load(projector: Projector, key: string, record: unknown): void;
}

function mapView<Record>(
  name: string,
  mapOf: (projector: Projector) => Map<string, Record>,
): SavedView {
  return {
    name,
    rows: mapOf,
    load: (projector, key, record) => mapOf(projector).set(key, record as Record),
  };
}

/** Every view that is saved as it is, in the order in which they are loaded; tasks have rows of their own (checkpoint.ts). */
export const SAVED_VIEWS: readonly SavedView[] = [
  {
    name: 'swarm',
    rows: ({ swarm, metrics }) => [
      ['swarm', swarm],
      ['metrics', metrics],
    ],
    load(projector, key, record) {
      if (key === 'swarm') projector.swarm = record as Projector['swarm'];
      else projector.metrics = record as Projector['metrics'];
    },
  },
  mapView('agents', ({ agents }) => agents),
  mapView('sessions', ({ sessions }) => sessions),
  mapView('activity', ({ activity }) => activity.last),
  mapView('forgiven', ({ activity }) => activity.forgivenUntilMs),
  mapView('idempotency', ({ idempotency }) => idempotency.byKey),
  mapView('refusals', ({ refusals }) => refusals.bySession),
  mapView('cascades', ({ graph }) => graph.cascades),
  mapView('handoffs', ({ handoffs }) => handoffs),
  mapView('subscriptions', ({ subscriptions }) => subscriptions),
  mapView('deadLetters', ({ deadLetters }) => deadLetters),
  {
    name: 'locks',
    rows: ({ locks }) => locks.byResource,
    load: ({ locks }, _key, record) => locks.load(record as Parameters<typeof locks.load>[0]),
  },
];

/** Every view of rows, for the hash of the state. */
export const HASHED_VIEWS: readonly SavedView[] = [
  ...SAVED_VIEWS,
  mapView('tasks', ({ tasks }) => tasks),
];

/** The SHA-256 of the whole state, derived views included. Equal states give equal hashes, however they came about (I1). */
export function hashState(projector: Projector): string {
  return sha256OfLines(stateLines(projector));
}

/** The rows of the whole state as canonical text, derived views included: what the hash is of. */
export function* stateLines(projector: Projector): Generator<string> {
  yield canonicalJson(['sequence', projector.sequence, projector.timeMs]);
  for (const view of HASHED_VIEWS) {
    const rows = [...view.rows(projector)].toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, record] of rows) yield canonicalJson([view.name, key, record]);
  }
  yield* derivedLines(projector);
}

function* derivedLines(projector: Projector): Generator<string> {
  for (const id of projector.claimableIds.ids()) yield canonicalJson(['claimable', id]);
  yield* sortedLines('followers', projector.graph.rows());
  yield* sortedLines('load', projector.loads.rows());
  for (const deadline of projector.deadlines.all()) yield canonicalJson(['deadline', deadline]);
  for (const sessionId of projector.sessions.keys()) {
    const { handoffs } = projector.holdings(sessionId);
    const locks = projector.lockCount(sessionId);
    if (locks + handoffs.length > 0) {
      yield canonicalJson(['holdings', sessionId, locks, handoffs.map(({ id }) => id)]);
    }
  }
  const { swarm, ring } = projector;
  if (swarm === undefined) return;
  for (const event of ring.history(swarm.swarmId, swarm.limits).events) {
    yield canonicalJson(['event', event]);
  }
}

/** Lines of an index whose order is not part of the state. */
function sortedLines(name: string, rows: Iterable<readonly unknown[]>): readonly string[] {
  return [...rows].map((row) => canonicalJson([name, ...row])).toSorted();
}
