/** Direct writes of one identity, and what came of them (specification, "Optimistic Concurrency"). */
import { Refused } from '../core/errors.ts';
import type { Commit, Fact } from '../events/envelope.ts';
import type { ConflictStrategy } from '../events/strategies.ts';
import type { Priority } from '../events/identity.ts';
import type { CommandLabels, CommandType } from '../protocol/commands.ts';
import type { Asker } from './asker.ts';
import { Recorded } from './result.ts';

/** A direct write (specification, `StateUpdate`). */
export interface StateUpdate<T = unknown> {
  readonly path: string;
  /** Refuses the write when the path is at another version; 0 means that it never existed; absent does not check. */
  readonly expectedVersion?: number;
  readonly newValue: T;
  /** Merges deeply instead of replacing. */
  readonly merge?: boolean;
  /** Ours: the path is a list, and the value is added at its end. */
  readonly append?: true;
  /** Ours: what becomes of a conflict, inside the coordinator and in one commit; absent: what `config.conflicts` says. */
  readonly onConflict?: ConflictStrategy;
  /** Ours: how much this write weighs in `higher-priority-wins`; `config.defaultPriority` when absent. */
  readonly priority?: Priority;
}

/** A direct removal. */
export interface StateRemoval {
  readonly path: string;
  readonly expectedVersion?: number;
}

/** One write of a batch. */
export type BatchEntry =
  Omit<StateUpdate, 'onConflict' | 'priority'> | (StateRemoval & { readonly delete: true });

/** The outcome of a direct write (specification, `UpdateResult`). */
export interface UpdateResult {
  readonly success: boolean;
  /** The version that the path has now; absent when there is nothing, and nothing was changed. */
  readonly newVersion?: number;
  readonly conflict?: { readonly currentVersion: number; readonly currentValue: unknown };
  /** Ours: the strategy by which a conflict was resolved; absent when there was none. */
  readonly resolved?: ConflictStrategy;
  /** Ours: what was changed of the value, so that it fits its place; absent when nothing was. */
  readonly reason?: string;
}

/** The outcome of a batch: all of it was written, or nothing. */
export interface BatchResult {
  readonly success: boolean;
  /** The versions of the paths, in the order of the batch. */
  readonly newVersions?: readonly (number | undefined)[];
  /** What was changed of the values, so that they fit their places; absent when nothing was. */
  readonly reasons?: readonly string[];
  /** The first conflict that was found. */
  readonly conflict?: UpdateResult['conflict'] & { readonly path: string };
}

/** Writes as one identity. */
export class StateWriter {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  async update(update: StateUpdate, labels: CommandLabels): Promise<UpdateResult> {
    return this.#write('state.update', update, labels);
  }

  async append(path: string, newValue: unknown, labels: CommandLabels): Promise<UpdateResult> {
    return this.#write('state.update', { path, newValue, append: true }, labels);
  }

  async delete(removal: StateRemoval, labels: CommandLabels): Promise<UpdateResult> {
    return this.#write('state.delete', removal, labels);
  }

  async updateAll(updates: readonly BatchEntry[], labels: CommandLabels): Promise<BatchResult> {
    const { answer, commit } = this.#asker.ask(
      'state.batch',
      { updates: updates as never },
      labels,
    );
    const versions = commit === undefined ? undefined : this.#versionsOf(updates);
    const result = await answer;
    if (result.ok) {
      const reasons = result instanceof Recorded ? reasonsIn(result.commit) : [];
      return {
        success: true,
        newVersions: versions ?? this.#versionsOf(updates),
        ...(reasons.length === 0 ? {} : { reasons }),
      };
    }
    if (result.code !== 'VERSION_CONFLICT') throw new Refused(result);
    return { success: false, conflict: result.details as BatchResult['conflict'] & object };
  }

  async #write(
    type: CommandType,
    payload: StateUpdate | StateRemoval,
    labels: CommandLabels,
  ): Promise<UpdateResult> {
    const { answer } = this.#asker.ask(type, payload, labels);
    const result = await answer;
    if (result.ok) {
      const written = result instanceof Recorded ? writeIn(result.commit) : undefined;
      const version = written?.sequence ?? this.#versionAt(payload.path);
      const { resolved, reason } = (written?.payload ?? {}) as Partial<UpdateResult>;
      return {
        success: true,
        ...(version === undefined ? {} : { newVersion: version }),
        ...(resolved === undefined ? {} : { resolved }),
        ...(reason === undefined ? {} : { reason }),
      };
    }
    if (result.code !== 'VERSION_CONFLICT') throw new Refused(result);
    const { currentVersion, currentValue } = result.details as UpdateResult['conflict'] & object;
    return { success: false, conflict: { currentVersion, currentValue } };
  }

  #versionsOf(updates: readonly BatchEntry[]): readonly (number | undefined)[] {
    return updates.map(({ path }) => this.#versionAt(path));
  }

  #versionAt(path: string): number | undefined {
    const { door, identity } = this.#asker;
    return door.reads.read(path, identity)?.version;
  }
}

/** The fact of a write: of what a session does beside it, coming back from an error for example, it is none. */
function writeIn({ facts }: Commit): Fact | undefined {
  return facts.find(({ type }) => type.startsWith('state.') || type === 'system.config_changed');
}

function reasonsIn({ facts }: Commit): readonly string[] {
  return facts.flatMap(({ type, payload }) => {
    const { reason } = payload as { readonly reason?: string };
    return type.startsWith('state.') && reason !== undefined ? [reason] : [];
  });
}
