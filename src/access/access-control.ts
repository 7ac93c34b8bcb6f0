/**
 * Access control as the specification has it: may this agent do this to that path?
 *
 * `canAccess` is the permission matrix and nothing else: that a place belongs to an actor, that a lock keeps others from it, or
 * that a value does not fit, are further reasons for which a write is refused.
 */
import { copyJson, type JsonBounds } from '../core/json.ts';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import { parsePath, parsePattern } from '../core/path.ts';
import { brokenMove } from '../events/data-moves.ts';
import { documentAt } from '../events/documents.ts';
import { fitWrite } from '../events/fit.ts';
import { inFull, patternInFull } from '../events/full-path.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { ownerAt } from '../events/owned-path.ts';
import { canWrite } from '../events/state.ts';
import type { StateView } from '../events/view.ts';
import { checkRuleWrites } from '../protocol/rule-expressions.ts';
import { ACCESS_RULES, type AccessRules, type Operation } from './access-rules.ts';

/** What is said of a write before it is made (specification, `ValidationResult`). */
export interface ValidationResult {
  readonly allowed: boolean;
  /** Why it is not allowed, or what was changed to make it so. */
  readonly reason?: string;
  /** The value as it would be kept, when that is not the one that was given. */
  readonly sanitizedValue?: unknown;
}

/** The specification's "Access Control". */
export interface AccessControl {
  /**
   * Whether the permission matrix lets an agent do something to a path. A path with wildcards: to every place that it leads to.
   * False for what is no path.
   */
  canAccess(agent: AgentIdentity, path: string, operation: Operation): boolean;
  /** The patterns of what an agent may do something to, as `query` and `watch` read them. */
  getAccessiblePaths(agent: AgentIdentity, operation: Operation): string[];
  /**
   * Whether a write would be allowed: by the matrix, because no actor owns the path, because the value fits what the
   * specification says of it, an expression of a routing rule can be used, and what it moves (the phase of a dream, for
   * example) may move so. What would be kept instead, where that differs, is `sanitizedValue`, and `reason` says why.
   * Whether versions, limits and locks let it through is seen when it is written.
   */
  validateUpdate(
    agent: AgentIdentity,
    path: string,
    oldValue: unknown,
    newValue: unknown,
  ): ValidationResult;
}

/** Access control over a state. */
export class Access implements AccessControl {
  readonly #view: StateView;
  readonly #rules: AccessRules;

  constructor(view: StateView, rules: AccessRules = ACCESS_RULES) {
    this.#view = view;
    this.#rules = rules;
  }

  canAccess(agent: AgentIdentity, path: string, operation: Operation): boolean {
    const parsed = parsePattern(path);
    if (!parsed.ok) return false;
    return this.#rules.allow(this.#view, agent, patternInFull(parsed.segments), operation);
  }

  getAccessiblePaths(agent: AgentIdentity, operation: Operation): string[] {
    return this.#rules.patterns(this.#view, agent, operation);
  }

  /** What stands at the path is taken from the state, whatever the caller says of it. */
  validateUpdate(
    agent: AgentIdentity,
    path: string,
    _oldValue: unknown,
    newValue: unknown,
  ): ValidationResult {
    const parsed = parsePath(path);
    if (!parsed.ok) return denied(parsed.message);
    const steps = inFull(parsed.steps);
    if (!this.#rules.allow(this.#view, agent, steps, 'write')) {
      return denied(notFor(path, agent, 'write'));
    }
    const owner = ownerAt(steps);
    if (owner !== undefined) {
      return denied(`${path} cannot be written directly. Command: ${owner}.`);
    }
    const copied = copyJson(newValue, this.#bounds);
    if (!copied.ok) return denied(copied.message);
    const place = documentAt(this.#view, steps);
    if (place === undefined || !canWrite(place.document, place.steps)) {
      return denied(`${path} does not lead to a place that can be written.`);
    }
    const write = { type: 'state.updated', payload: { newValue: copied.value } } as const;
    const fit = fitWrite(place, write);
    if (!fit.ok) return denied(`${path}: the write would make it invalid: ${fit.reason}.`);
    const broken = brokenMove(place, fit.write);
    if (broken !== undefined) return denied(`${path}: ${broken.reason}.`);
    const bad = checkRuleWrites([{ path, operation: 'write', value: copied.value }]);
    if (bad !== undefined) return denied(bad.message);
    if (fit.reason === undefined || fit.write.type === 'state.deleted') return { allowed: true };
    return { allowed: true, reason: fit.reason, sanitizedValue: fit.write.payload.newValue };
  }

  get #bounds(): JsonBounds {
    const { payloadCharsMax, payloadNodesMax, payloadDepthMax } =
      this.#view.swarm?.limits ?? DEFAULT_LIMITS;
    return { charsMax: payloadCharsMax, nodesMax: payloadNodesMax, depthMax: payloadDepthMax };
  }
}

function denied(reason: string): ValidationResult {
  return { allowed: false, reason };
}

const DONE: Readonly<Record<Operation, string>> = {
  read: 'read',
  write: 'written',
  delete: 'deleted',
};

/** Why the matrix does not let somebody do something. */
export function notFor(path: string, { agentType }: AgentIdentity, operation: Operation): string {
  return `${path} may not be ${DONE[operation]} by this ${agentType} session.`;
}
