/**
 * Every command: what somebody may ask of a swarm, as plain data.
 *
 * A command that makes something draws its id when it is received, so that the id stands in the recorded command (I6).
 * Who may ask for what is in `access/`; whether it is legal now, in `actors/`.
 */
import * as z from 'zod';
import { isMisleading } from '../core/resource.ts';
import type { RecordedCommand } from '../events/envelope.ts';
import type { EarlierVersion } from '../events/definition.ts';
import { appEventTypeSchema } from '../events/app-event.ts';
import { deadLetterShape } from '../events/dead-letter.ts';
import { resourceInFull } from '../events/full-path.ts';
import { newHandoffShape } from '../events/handoff.ts';
import { identitySchema, idSchema, prioritySchema, textSchema } from '../events/identity.ts';
import { lockRequestShape, upgradeSchema } from '../events/lock.ts';
import { newAgentShape } from '../events/session.ts';
import { strategySchema } from '../events/strategies.ts';
import { subscriptionNameSchema } from '../events/subscription.ts';
import {
  alertSchema,
  maintenanceSchema,
  settableChangeSchema,
  settableConfigChangeSchema,
  settableConfigSchema,
  settableLimitsSchema,
  settingsSchema,
} from '../events/system.ts';
import { newTaskShape } from '../events/task.ts';

/** How a command is defined. */
interface CommandDefinition<Shape extends z.ZodObject = z.ZodObject> {
  readonly version: number;
  readonly schema: Shape;
  readonly earlier: readonly EarlierVersion[];
  /** The first version whose commands are decided by today's rules. */
  readonly rulesSince: number;
  /** The field that gets a fresh id when the caller gave none. */
  readonly draws: string | null;
}

function command<Shape extends z.ZodObject>(
  schema: Shape,
  draws: (keyof z.infer<Shape> & string) | null = null,
): CommandDefinition<Shape> {
  return { version: 1, schema, earlier: [], draws, rulesSince: 1 };
}

/**
 * The next version of a command, of the same shape, which is decided by other rules: what was recorded of the versions before
 * cannot be decided again.
 */
function decidesAnew<Shape extends z.ZodObject>(
  definition: CommandDefinition<Shape>,
): CommandDefinition<Shape> {
  const { version, schema, earlier } = definition;
  const former = {
    version,
    fields: Object.keys(schema.shape),
    lift: (payload: Payload) => payload,
  };
  return {
    ...definition,
    version: version + 1,
    earlier: [...earlier, former],
    rulesSince: version + 1,
  };
}

type Payload = Readonly<Record<string, unknown>>;

const session = z.strictObject({ sessionId: idSchema });
const task = z.strictObject({ taskId: idSchema });
const lock = z.strictObject({ lockId: idSchema });
const handoff = z.strictObject({ handoffId: idSchema });
const subscription = z.strictObject({ name: subscriptionNameSchema });
const letter = z.strictObject({ letterId: idSchema });
const through = z.number().int().min(0);
const reason = { reason: textSchema.optional() };
const milliseconds = z.number().int().min(0).max(31_536_000_000);
/** Up to 100 years: a directory may lie for long before it is opened again. */
const gapMs = z.number().int().min(0).max(3_153_600_000_000);
const path = z.string().min(1);
const expectedVersion = z.number().int().min(0).optional();
const jsonValue = z.unknown().refine((value) => value !== undefined, 'a JSON value');
/** A write of a free path (specification, `StateUpdate`). */
const write = {
  path,
  newValue: jsonValue,
  expectedVersion,
  merge: z.boolean().optional(),
  append: z.literal(true).optional(),
};
const removal = { path, expectedVersion };
const error = { code: z.string().min(1).max(128), message: textSchema };

/** Every type of command with its definition. */
export const COMMANDS = {
  'session.register': command(
    z.strictObject({ sessionId: idSchema, ...newAgentShape, ready: z.boolean().optional() }),
    'sessionId',
  ),
  'session.start': command(session),
  'session.heartbeat': command(session),
  'session.pause': command(session),
  'session.resume': command(session),
  'session.drain': command(session),
  'session.stop': command(session.extend(reason)),
  'session.fail': command(session.extend(error)),
  'session.recover': command(session),
  'session.expire': command(session),
  'session.sweep': command(session),
  'session.report_stalled': command(session),
  'session.hand_over': command(session.extend(handoff.shape), 'handoffId'),

  'task.create': command(
    z.strictObject({ taskId: idSchema, ...newTaskShape, priority: prioritySchema.optional() }),
    'taskId',
  ),
  'task.claim': command(
    z.strictObject({ taskId: idSchema.optional(), start: z.boolean().optional() }),
  ),
  'task.assign': command(task.extend({ assignedTo: identitySchema })),
  'task.start': command(task),
  'task.progress': command(
    task.extend({ progress: z.number().min(0).max(100), message: textSchema.optional() }),
  ),
  'task.complete': command(task.extend({ result: z.unknown().optional() })),
  'task.fail': command(task.extend({ error: z.strictObject(error) })),
  'task.cancel': command(task.extend(reason)),
  'task.close': command(task.extend({ result: z.unknown().optional(), ...reason })),
  'task.requeue': command(task.extend(reason)),
  'task.expire': command(task),
  'task.cascade': command(task),

  'lock.acquire': command(
    z.strictObject({
      lockId: idSchema,
      ...lockRequestShape,
      resource: lockRequestShape.resource
        .refine(
          (name) => !isMisleading(name),
          'names are compared as they are written: no . or .. between slashes, and * only in a final /**',
        )
        .refine((name) => name === resourceInFull(name), {
          error: ({ input }) =>
            `a part of the state has one name, and this one is ${JSON.stringify(resourceInFull(String(input)))}`,
        }),
      ttl: milliseconds.min(1).optional(),
      timeout: milliseconds.optional(),
      priority: prioritySchema.optional(),
    }),
    'lockId',
  ),
  'lock.renew': command(lock.extend({ ttl: milliseconds.min(1).optional() })),
  'lock.release': command(lock),
  'lock.upgrade': command(
    lock.extend({
      to: upgradeSchema.optional(),
      timeout: milliseconds.optional(),
      priority: prioritySchema.optional(),
    }),
  ),
  'lock.downgrade': command(lock),
  'lock.force_release': command(lock.extend({ reason: textSchema.min(1) })),
  'lock.abandon': command(lock),
  'lock.expire': command(lock),

  'handoff.request': command(
    z.strictObject({
      handoffId: idSchema,
      ...newHandoffShape,
      priority: prioritySchema.optional(),
      timeout: milliseconds.min(1).optional(),
    }),
    'handoffId',
  ),
  'handoff.accept': command(handoff),
  'handoff.reject': command(handoff.extend(reason)),
  'handoff.complete': command(handoff),
  'handoff.expire': command(handoff),

  // Since 2: changes of the configuration are partial. Since 3: moves inside the data of an agent are legal ones.
  'state.update': decidesAnew(
    decidesAnew(
      command(
        z.strictObject({
          ...write,
          onConflict: strategySchema.optional(),
          priority: prioritySchema.optional(),
        }),
      ),
    ),
  ),
  'state.delete': command(z.strictObject(removal)),
  // Since 2: as state.update since 3.
  'state.batch': decidesAnew(
    command(
      z.strictObject({
        updates: z
          .array(
            z.union([
              z.strictObject({ ...removal, delete: z.literal(true) }),
              z.strictObject(write),
            ]),
          )
          .min(1),
      }),
    ),
  ),

  'event.emit': command(z.strictObject({ type: appEventTypeSchema, data: jsonValue })),

  'subscription.create': command(subscription.extend({ through: through.optional() })),
  'subscription.advance': command(subscription.extend({ through })),
  'subscription.remove': command(subscription),

  'deadletter.add': command(z.strictObject(deadLetterShape)),
  'deadletter.requeue': command(letter),
  'deadletter.resolve': command(letter),
  'deadletter.drop': command(letter.extend(reason)),

  // the parts are checked one by one: see receive.ts
  'compound.apply': command(
    z.strictObject({
      commands: z.array(z.strictObject({ type: z.string(), payload: z.unknown() })).min(1),
    }),
  ),

  'access.report_denied': command(session.extend({ subject: z.string().max(4_096) })),

  'system.initialize': command(
    z.strictObject({
      swarmId: idSchema,
      config: settableConfigSchema,
      limits: settableLimitsSchema,
    }),
    'swarmId',
  ),
  'system.resume': command(z.strictObject({ epoch: z.number().int().min(2), gapMs })),
  'system.stall': command(z.strictObject({ gapMs })),
  'system.raise_alert': command(alertSchema),
  'system.note_maintenance': command(maintenanceSchema),
  'system.configure': decidesAnew(
    command(
      settingsSchema
        .extend({
          config: settableConfigChangeSchema.optional(),
          limits: settableChangeSchema.optional(),
        })
        .refine(({ config, limits }) => (config ?? limits) !== undefined, 'config, limits or both'),
    ),
  ),
} as const;

/** The type of a command. */
export type CommandType = keyof typeof COMMANDS;

/** The payload of a command as `decide` sees it: checked, copied and frozen. */
export type PayloadOf<Type extends CommandType> = z.infer<(typeof COMMANDS)[Type]['schema']>;

/** A command as it is decided and recorded. */
export type CommandOf<Type extends CommandType> = RecordedCommand<Type, PayloadOf<Type>>;

/** Any command, as a closed union on `type`. */
export type SwarmCommand = { [Type in CommandType]: CommandOf<Type> }[CommandType];

/** A command as a caller writes it: the id that it draws may be missing. */
export interface CommandInput {
  readonly type: CommandType;
  readonly payload: unknown;
  /** Ties several commands together; every event of this one carries it. */
  readonly correlationId?: string;
  /** The id of the event that led to this command. */
  readonly causationId?: string;
  /** W3C trace context, carried to every event of the command. */
  readonly trace?: { readonly traceparent: string; readonly tracestate?: string | undefined };
  /**
   * A repeat of the command with the same key by the same session is answered with the first result, for
   * `idempotencyWindowMs` and `idempotencyKeysMax`; refused with `IDEMPOTENCY_KEY_REUSED` when it asks for something else.
   */
  readonly idempotencyKey?: string;
  /** The fencing token of a lock that the session believes to hold; refused with `STALE_TOKEN` when it does not. */
  readonly fencingToken?: number;
}

/** What may accompany a command of a handle. */
export type CommandLabels = Omit<CommandInput, 'type' | 'payload'>;
