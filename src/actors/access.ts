/**
 * What is recorded of a denial: who was denied what, and why.
 *
 * Whether somebody is denied is for `access/` to say, before a decision, and is not decided again (I6); what that leaves
 * behind follows from the command and the code of the refusal.
 */
import type { Refusal } from '../core/errors.ts';
import { isDenial, type DenialPayload } from '../events/access.ts';
import type { Commit } from '../events/envelope.ts';
import type { NewSwarmFact } from '../events/catalog.ts';
import type { SwarmCommand } from '../protocol/commands.ts';
import { writesAsked } from '../protocol/paths.ts';
import { fact, facts, type Deciders } from './decision.ts';

/** The decision about denied reads, which no command of a session asks for. */
export const accessDeciders: Deciders<'access.report_denied'> = {
  'access.report_denied': (_view, { payload: { sessionId, subject } }) =>
    facts(fact('access.denied', { sessionId, operation: 'read', subject, code: 'FORBIDDEN' })),
};

/** The fact that a refused command leaves behind; undefined when the refusal is no denial. */
export function denialFact(command: SwarmCommand, refusal: Refusal): NewSwarmFact | undefined {
  if (!isDenial(refusal.code)) return undefined;
  const { path } = refusal.details;
  const asked = writesIn(command).find((write) => write.subject === path);
  const { operation, subject } =
    refusal.code === 'FORBIDDEN' && asked !== undefined ? asked : wholeOf(command);
  const { sessionId } = command.source;
  return fact('access.denied', { sessionId, operation, subject, code: refusal.code });
}

/** Whether a commit says that its command was denied. */
export function saysDenied({ refused, facts: left }: Commit): boolean {
  return refused !== undefined && left.some(({ type }) => type === 'access.denied');
}

/** Whether what a denied command left behind is the one fact that it can leave. */
export function isRightDenial(command: SwarmCommand, { refused, facts: left }: Commit): boolean {
  const [denied, ...others] = left;
  if (denied === undefined || others.length > 0) return false;
  const { sessionId, operation, subject, code } = denied.payload as DenialPayload;
  const writes = writesIn(command);
  // Of a direct write the matrix denies a path; anything else denies the command.
  const possible = refused === 'FORBIDDEN' && writes.length > 0 ? writes : [wholeOf(command)];
  return (
    sessionId === command.source.sessionId &&
    code === refused &&
    possible.some((one) => one.operation === operation && one.subject === subject)
  );
}

type Denied = Pick<DenialPayload, 'operation' | 'subject'>;

function wholeOf({ type }: SwarmCommand): Denied {
  return { operation: 'command', subject: type };
}

function writesIn(command: SwarmCommand): readonly Denied[] {
  return writesAsked(command).map(({ path, operation }) => ({ operation, subject: path }));
}
