/**
 * Access control as the specification has it: may this agent do this to that path?
 *
 * `canAccess` is the permission matrix and nothing else: that a place belongs to an actor, that a lock keeps others from it, or
 * that a value does not fit, are further reasons for which a write is refused.
 */
import { parsePath, parsePattern } from '../core/path.ts';
import { inFull, patternInFull } from '../events/full-path.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { ownerAt } from '../events/owned-path.ts';
import type { StateView } from '../events/view.ts';
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
  /** Whether a write would be allowed: by the matrix, and because no actor owns the path. */
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

  /** What stands at the path now makes no difference to any rule, and is not looked at. */
  validateUpdate(
    agent: AgentIdentity,
    path: string,
    _oldValue: unknown,
    _newValue: unknown,
  ): ValidationResult {
    const parsed = parsePath(path);
    if (!parsed.ok) return { allowed: false, reason: parsed.message };
    const steps = inFull(parsed.steps);
    if (!this.#rules.allow(this.#view, agent, steps, 'write')) {
      return { allowed: false, reason: notFor(path, agent, 'write') };
    }
    const owner = ownerAt(steps);
    if (owner !== undefined) return { allowed: false, reason: ownedReason(path, owner) };
    return { allowed: true };
  }
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

/** Why a place is not written directly. */
function ownedReason(path: string, command: string): string {
  return `${path} cannot be written directly. Command: ${command}.`;
}
