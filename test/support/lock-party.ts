/** Some sessions and their locks, named by short names: for decisions about who may hold what beside whom. */
import { COORDINATOR, type AgentIdentity, type Priority } from '../../src/events/identity.ts';
import type { LockType } from '../../src/events/lock.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { PayloadOf } from '../../src/protocol/commands.ts';
import { Given, type Outcome } from './given.ts';

const HOUR_MS = 3_600_000;

/** A state with the sessions a, b, c, … */
export class LockParty {
  readonly given: Given;
  readonly coordinator = COORDINATOR;
  readonly #identities = new Map<string, AgentIdentity>();

  constructor(names: string, limits: Partial<Limits> = {}) {
    this.given = new Given({ limits: { heartbeatTimeoutMs: 100 * HOUR_MS, ...limits } });
    for (const name of names) this.#identities.set(name, this.given.session(name));
  }

  who(name: string): AgentIdentity {
    return this.#identities.get(name) ?? this.given.session(name);
  }

  /** A session asks for a resource; the lock is named by the two: `a:r`. */
  asks(
    name: string,
    resource: string,
    type: LockType = 'exclusive',
    more: Partial<PayloadOf<'lock.acquire'>> = {},
  ): Outcome {
    const patient = { ttl: HOUR_MS, timeout: HOUR_MS, ...more };
    const lockId = `${name}:${resource}`;
    return this.given.when('lock.acquire', { lockId, resource, type, ...patient }, this.who(name));
  }

  upgrades(name: string, resource: string, priority: Priority = 'normal'): Outcome {
    const lockId = `${name}:${resource}`;
    const asks = { lockId, timeout: HOUR_MS, priority };
    return this.given.when('lock.upgrade', asks, this.who(name));
  }

  downgrades(name: string, resource: string): Outcome {
    return this.given.when('lock.downgrade', { lockId: `${name}:${resource}` }, this.who(name));
  }

  releases(name: string, resource: string): Outcome {
    return this.given.when('lock.release', { lockId: `${name}:${resource}` }, this.who(name));
  }

  /** The session ends, and what it held is given back. */
  dies(name: string): Outcome {
    this.given.ask('session.stop', { sessionId: name });
    return this.given.when('session.sweep', { sessionId: name }, COORDINATOR);
  }

  /** Who holds a resource, and as what: `a:shared b:upgradeable`. */
  holders(resource: string): string {
    const holders = this.given.view.resource(resource)?.holders ?? [];
    return holders.map(({ holder, type }) => `${holder.sessionId}:${type}`).join(' ');
  }

  /** Who waits for a resource, in order, an upgrade first: `a! b c`. */
  waiting(resource: string): string {
    const record = this.given.view.resource(resource);
    const upgrade = record?.upgrade;
    const first = record?.holders.find(({ id }) => id === upgrade?.lockId)?.holder.sessionId;
    const queue = (record?.queue ?? []).map(({ requester }) => requester.sessionId);
    return [...(first === undefined ? [] : [`${first}!`]), ...queue].join(' ');
  }

  token(name: string, resource: string): number {
    const holders = this.given.view.resource(resource)?.holders ?? [];
    return holders.find(({ holder }) => holder.sessionId === name)?.fencingToken ?? 0;
  }
}
