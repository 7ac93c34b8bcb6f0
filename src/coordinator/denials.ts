/**
 * How often somebody was denied something, since the swarm was opened.
 *
 * Counted whether denials are recorded or not, and so no part of the state: whoever opens the swarm again begins at 0.
 */
import type { ErrorCode } from '../core/errors.ts';
import { AGENT_KINDS, type AgentType } from '../events/identity.ts';
import { isDenial, type DenialCode } from '../events/access.ts';

/** Denials in numbers. */
export interface DenialCounts {
  readonly total: number;
  /** By the code of the refusal; codes that did not come up are absent. */
  readonly byCode: { readonly [Code in DenialCode]?: number };
  /** By the role of who was denied. */
  readonly byRole: Readonly<Record<AgentType, number>>;
}

/** Counts denials. */
export class Denials {
  #total = 0;
  readonly #byCode = new Map<DenialCode, number>();
  readonly #byRole = new Map<AgentType, number>();

  /** Counts a refusal, when it is a denial. */
  count(code: ErrorCode, role: AgentType): void {
    if (!isDenial(code)) return;
    this.#total += 1;
    this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1);
    this.#byRole.set(role, (this.#byRole.get(role) ?? 0) + 1);
  }

  /** The numbers as they are now. */
  get counts(): DenialCounts {
    const roles = [...AGENT_KINDS, 'system'] as const;
    return Object.freeze({
      total: this.#total,
      byCode: Object.freeze(Object.fromEntries(this.#byCode)),
      byRole: Object.freeze(
        Object.fromEntries(roles.map((role) => [role, this.#byRole.get(role) ?? 0])),
      ) as Readonly<Record<AgentType, number>>,
    });
  }
}
