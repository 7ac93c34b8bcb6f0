/** `swarm.access`: the specification's access control over an open swarm, and what was denied. */
import { Access, type ValidationResult, type AccessControl } from '../access/access-control.ts';
import type { AccessRules, Operation } from '../access/access-rules.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { StateView } from '../events/view.ts';
import type { DenialCounts, Denials } from './denials.ts';

/** What `swarm.access` works with. */
export interface AccessParts {
  readonly view: StateView;
  readonly rules: AccessRules;
  readonly denials: Denials;
  /** Throws why nothing is served any more, when that is so. */
  readonly checkServing: () => void;
}

/** Says who may do what; throws `CLOSED` or `HALTED` when nothing is served any more. */
export class SwarmAccess implements AccessControl {
  readonly #parts: AccessParts;
  readonly #access: Access;

  constructor(parts: AccessParts) {
    this.#parts = parts;
    this.#access = new Access(parts.view, parts.rules);
  }

  canAccess(agent: AgentIdentity, path: string, operation: Operation): boolean {
    this.#parts.checkServing();
    return this.#access.canAccess(agent, path, operation);
  }

  getAccessiblePaths(agent: AgentIdentity, operation: Operation): string[] {
    this.#parts.checkServing();
    return this.#access.getAccessiblePaths(agent, operation);
  }

  validateUpdate(
    agent: AgentIdentity,
    path: string,
    oldValue: unknown,
    newValue: unknown,
  ): ValidationResult {
    this.#parts.checkServing();
    return this.#access.validateUpdate(agent, path, oldValue, newValue);
  }

  /** What was denied since the swarm was opened, recorded or not: no part of the state, and 0 when it is opened again. */
  get denials(): DenialCounts {
    return this.#parts.denials.counts;
  }
}
