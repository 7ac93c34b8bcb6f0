/**
 * Given facts, when a command, then facts or a refusal: decisions without a coordinator.
 *
 * Facts come about by commands too, so that a given state is one that can be; each is asked with its place, time and source.
 */
import { expect } from 'vitest';
import { permit } from '../../src/access/permit.ts';
import { decide } from '../../src/actors/decide.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { BlockBuilder, decodeBlock } from '../../src/events/block.ts';
import { COORDINATOR, OPERATOR } from '../../src/events/identity.ts';
import type { AgentIdentity, AgentKind } from '../../src/events/identity.ts';
import type { Commit, NewFact } from '../../src/events/envelope.ts';
import { DEFAULT_CONFIG, type SwarmConfig } from '../../src/events/system.ts';
import { Projector } from '../../src/projections/projector.ts';
import { hashState } from '../../src/projections/saved-views.ts';
import type { CommandLabels, CommandType, PayloadOf } from '../../src/protocol/commands.ts';
import { receive } from '../../src/protocol/receive.ts';
import { countedIds } from '../../src/testing/index.ts';

/** What a decision came to: the types and payloads of its facts, or the code of its refusal. */
export type Outcome =
  | { readonly ok: true; readonly facts: readonly (readonly [string, unknown])[] }
  | {
      readonly ok: false;
      readonly code: string;
      readonly details: Readonly<Record<string, unknown>>;
      /** What was recorded of the attempt; absent when nothing was. */
      readonly recorded?: readonly (readonly [string, unknown])[];
    };

/** A state to decide on, kept by the projector and by nothing else. */
export class Given {
  readonly view = new Projector();
  readonly commits: Commit[] = [];
  nowMs = 1_000;
  readonly #ids = countedIds();

  constructor(
    options: { readonly limits?: Partial<Limits>; readonly config?: Partial<SwarmConfig> } = {},
  ) {
    const config = { ...DEFAULT_CONFIG, ...options.config };
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.ask('system.initialize', { swarmId: 'swarm', config, limits }, COORDINATOR);
  }

  /** Registers a session that is named as its agent. */
  session(
    sessionId: string,
    agentType: AgentKind = 'pulse',
    ready = true,
    more: Partial<PayloadOf<'session.register'>> = {},
  ): AgentIdentity {
    const identity = { agentId: `agent-${sessionId}`, agentType, sessionId };
    this.ask('session.register', { ...identity, ready, ...more }, OPERATOR);
    return this.view.session(sessionId)?.identity ?? identity;
  }

  /** Asks, and expects to be granted. */
  ask<Type extends CommandType>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
    source: AgentIdentity = OPERATOR,
    labels: CommandLabels = {},
  ): void {
    const outcome = this.when(type, payload, source, labels);
    if (!outcome.ok)
      throw new Error(`given ${type}: ${outcome.code} ${canonicalJson(outcome.details)}`);
  }

  /** Receives, permits, decides and folds. A refusal is seen to leave the state as it was; then what it records is folded. */
  when<Type extends CommandType>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
    source: AgentIdentity = OPERATOR,
    labels: CommandLabels = {},
  ): Outcome {
    const limits = this.view.swarm?.limits ?? DEFAULT_LIMITS;
    const reception = { source, timeMs: this.nowMs, ids: this.#ids, limits };
    const received = receive({ ...labels, type, payload }, reception);
    if (!received.ok) return received;
    const before = this.view.swarm === undefined ? '' : hashState(this.view);
    const denied = permit(this.view, received.command);
    const decided =
      denied === undefined ? decide(this.view, received.command, permit) : { ...denied, facts: [] };
    if (!decided.ok) {
      expect(hashState(this.view)).toBe(before);
      const { code, details, facts: left } = decided;
      if (left.length === 0) return { ok: false, code, details };
      this.#fold({ command: received.command, refused: code, facts: left });
      return { ok: false, code, details, recorded: left.map(shown) };
    }
    const { facts } = decided;
    if (facts.length > 0) this.#fold({ command: received.command, facts });
    return { ok: true, facts: facts.map(shown) };
  }

  #fold(commit: Commit): void {
    this.view.apply(commit);
    this.commits.push(commit);
  }

  /** The state folded again from what the log would hold is the state that is here. */
  checkReplay(): void {
    const replayed = new Projector();
    for (const commit of throughTheLog(this.commits)) replayed.apply(commit);
    expect(hashState(replayed)).toBe(hashState(this.view));
  }
}

function shown({ type, payload }: NewFact): readonly [string, unknown] {
  return [type, payload];
}

/** Commits as they come back from the log. */
export function throughTheLog(commits: readonly Commit[]): readonly Commit[] {
  const builder = new BlockBuilder();
  for (const commit of commits) builder.add(commit);
  return decodeBlock(builder.encode(1, '0'.repeat(64)), 1).commits;
}

/** The facts of an outcome: what was granted, or what a refused attempt left behind. */
export function factsOf(outcome: Outcome): readonly (readonly [string, unknown])[] {
  return outcome.ok ? outcome.facts : (outcome.recorded ?? []);
}

/** The types of the facts of an outcome; the code of a refusal. */
export function typesOf(outcome: Outcome): readonly string[] | string {
  return outcome.ok ? outcome.facts.map(([type]) => type) : outcome.code;
}
