/**
 * Two logs of 200,000 events, made once per run and read by several works: ours, of mixed tasks, and the floor's.
 *
 * The mix is declared in {@link MIX} and drawn from a fixed seed. Ours has a checkpoint near its end and a tail after it.
 */
import { join } from 'node:path';
import { openSwarm } from '../src/coordinator/open-swarm.ts';
import type { Swarm } from '../src/coordinator/swarm.ts';
import type { AgentSession } from '../src/coordinator/agent-session.ts';
import { PRIORITIES } from '../src/events/identity.ts';
import { openLevelEngine } from '../src/storage/engine.ts';
import { fillFloor } from './floor.ts';
import { registerPulses } from './pulses.ts';

/** The events in each log. */
export const MIXED_EVENTS = 200_000;
/** The events after the checkpoint: fewer than those at which closing takes another one. */
export const TAIL_EVENTS = 900;

/** The lives of the tasks. Shares are of 1; what is left of each is the plain case. */
const MIX = {
  seed: 335,
  pulses: 16,
  /** Tasks alive at once; also how many commands are under way, so blocks hold about half as many commits. */
  alive: 512,
  /** Has a note of its creator in its metadata. */
  withMetadata: 0.3,
  /** Is assigned by the Conductor; the others are claimed, half of those started in the same command. */
  assigned: 0.3,
  progressMin: 3,
  progressMax: 6,
  /** Is taken from its holder after its progress, claimed by another session, and completed there. */
  requeued: 0.06,
  failed: 0.08,
  cancelled: 0.06,
} as const;

/** The two logs, each made when it is first asked for. */
export class MixedLogs {
  readonly #directory: string;
  #ours: Promise<string> | undefined;
  #floor: Promise<string> | undefined;

  /** Nothing is removed here: the directory belongs to the caller. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The directory of the swarm whose log is ours. */
  ours(): Promise<string> {
    this.#ours ??= makeOurs(join(this.#directory, 'mixed-ours'));
    return this.#ours;
  }

  /** The directory of the floor's log. */
  floor(): Promise<string> {
    this.#floor ??= makeFloor(join(this.#directory, 'mixed-floor'));
    return this.#floor;
  }
}

async function makeFloor(directory: string): Promise<string> {
  const engine = await openLevelEngine(directory, { create: true });
  try {
    await fillFloor(engine.database, MIXED_EVENTS);
  } finally {
    await engine.close();
  }
  return directory;
}

/** Fills the log up to the tail and closes, which takes the checkpoint; then adds the tail. */
async function makeOurs(directory: string): Promise<string> {
  const random = randomFrom(MIX.seed);
  for (const upTo of [MIXED_EVENTS - TAIL_EVENTS, MIXED_EVENTS]) {
    const swarm = await openSwarm({ directory, snapshots: { everyEvents: MIXED_EVENTS } });
    try {
      await liveUpTo(swarm, upTo, random);
    } finally {
      await swarm.close();
    }
  }
  return directory;
}

async function liveUpTo(swarm: Swarm, upTo: number, random: () => number): Promise<void> {
  const conductor = await swarm.register({ agentType: 'conductor', agentId: 'conductor-1' });
  const pulses = await registerPulses(swarm, MIX.pulses);
  const cast: Cast = { conductor, pulses, random, isOver: () => swarm.sequence >= upTo };
  await Promise.all(Array.from({ length: MIX.alive }, (_, place) => liveInTurn(place, cast)));
}

interface Cast {
  readonly conductor: AgentSession;
  readonly pulses: readonly AgentSession[];
  readonly random: () => number;
  /** True when the log has its events; what is alive then stays as it is. */
  readonly isOver: () => boolean;
}

/** One task after the other, by the same two sessions. */
async function liveInTurn(place: number, cast: Cast): Promise<void> {
  const pulse = cast.pulses[place % cast.pulses.length];
  const other = cast.pulses[(place + 1) % cast.pulses.length];
  if (pulse === undefined || other === undefined) return;
  for (let number = 1; !cast.isOver(); number++) {
    for await (const _ of lifeOf({ name: `${place}-${number}`, pulse, other, ...cast })) {
      if (cast.isOver()) return;
    }
  }
}

/** The life of a task; yields after each command. */
async function* lifeOf({
  name,
  pulse,
  other,
  conductor,
  random,
}: Cast & { readonly name: string; readonly pulse: AgentSession; readonly other: AgentSession }) {
  const { id } = await pulse.tasks.create({
    goal: `index src/module-${name}.ts`,
    priority: PRIORITIES[Math.floor(random() * PRIORITIES.length)] ?? 'normal',
    ...(random() < MIX.withMetadata && { metadata: { file: `src/module-${name}.ts`, lines: 120 } }),
  });
  yield;
  if (random() < MIX.assigned) {
    yield await conductor.tasks.assign(id, pulse.identity);
    yield await pulse.tasks.start(id);
  } else if (random() < 0.5) {
    yield await pulse.tasks.claim({ taskId: id, start: true });
  } else {
    yield await pulse.tasks.claim({ taskId: id });
    yield await pulse.tasks.start(id);
  }
  const steps = MIX.progressMin + Math.floor(random() * (MIX.progressMax - MIX.progressMin + 1));
  for (let step = 1; step <= steps; step++) {
    const done = Math.floor((100 * step) / (steps + 1));
    yield await pulse.tasks.progress(id, done, `step ${step} of ${steps}`);
  }
  const end = random();
  if (end < MIX.requeued) {
    yield await conductor.tasks.requeue(id, 'its holder is slow');
    yield await other.tasks.claim({ taskId: id, start: true });
    yield await other.tasks.complete(id, { functions: 12 });
  } else if (end < MIX.requeued + MIX.failed) {
    yield await pulse.tasks.fail(id, { code: 'PARSE_ERROR', message: 'unexpected end of file' });
  } else if (end < MIX.requeued + MIX.failed + MIX.cancelled) {
    yield await conductor.tasks.cancel(id, 'the file was deleted');
  } else {
    yield await pulse.tasks.complete(id, { functions: 12, imports: 4, exports: 3 });
  }
}

/** A sequence of numbers in [0, 1), the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
