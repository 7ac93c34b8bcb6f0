/** Denials: what somebody asked for and may not have, recorded where `config.audit.denials` says so. */
import * as z from 'zod';
import type { ErrorCode } from '../core/errors.ts';
import { ours, type FactsOf } from './definition.ts';
import { idSchema } from './identity.ts';

/** The codes of refusals that are denials: the session is known and alive, and may not have this, or not now. */
export const DENIAL_CODES = ['FORBIDDEN', 'NOT_HOLDER', 'STALE_TOKEN', 'PATH_LOCKED'] as const;

/** The code of a denial. */
export type DenialCode = (typeof DENIAL_CODES)[number];

/** Whether a refusal before the decision is a denial. */
export function isDenial(code: ErrorCode): code is DenialCode {
  return (DENIAL_CODES as readonly ErrorCode[]).includes(code);
}

/** What can be recorded of access. */
export const accessEvents = {
  'access.denied': ours(
    'any command that is denied before it is decided, and `access.report_denied` for a read; only with `config.audit.denials`',
    [],
    z.strictObject({
      sessionId: idSchema,
      operation: z.enum(['read', 'write', 'delete', 'command']),
      subject: z.string().max(4_096),
      code: z.enum(DENIAL_CODES),
    }),
  ),
} as const;

/** A fact about access. */
export type AccessFact = FactsOf<typeof accessEvents>;

/** What a denial says. */
export type DenialPayload = AccessFact['payload'];
