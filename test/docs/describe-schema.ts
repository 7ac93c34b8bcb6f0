/**
 * Says in words what the fields of a payload are, for the generated pages of `docs/`.
 *
 * Schemas that have a name here are called by it; the pages explain the names once, from {@link WORDS}.
 */
import * as z from 'zod';
import { addresseeSchema } from '../../src/events/handoff.ts';
import {
  AGENT_KINDS,
  identitySchema,
  idSchema,
  objectSchema,
  PRIORITIES,
  prioritySchema,
  textSchema,
} from '../../src/events/identity.ts';
import { LOCK_TYPES, resourceSchema } from '../../src/events/lock.ts';
import { LEAST_PAYLOAD } from '../../src/core/limits.ts';
import {
  configChangeSchema,
  configSchema,
  settableChangeSchema,
  settableConfigChangeSchema,
  settableConfigSchema,
  limitsSchema,
  recordedLimitsSchema,
  settableLimitsSchema,
} from '../../src/events/system.ts';

interface Word {
  readonly name: string;
  readonly schema: z.ZodType;
  readonly meaning: string;
}

const oneOf = (values: readonly string[]): string =>
  values.map((value) => `\`${value}\``).join(', ');

const leastPayload = (): string =>
  Object.entries(LEAST_PAYLOAD)
    .map(([name, least]) => `${least.toLocaleString('en-US')} as \`${name}\``)
    .join(', ');

/** The named schemas, with what their names mean. */
export const WORDS: readonly Word[] = [
  {
    name: 'id',
    schema: idSchema,
    meaning: 'a string of 1 to 128 printable characters without white space',
  },
  { name: 'text', schema: textSchema, meaning: 'a string of at most 65,536 characters' },
  { name: 'object', schema: objectSchema, meaning: 'a JSON object' },
  {
    name: 'identity',
    schema: identitySchema,
    meaning: 'an object of the ids `agentId` and `sessionId`, and `agentType`',
  },
  { name: 'priority', schema: prioritySchema, meaning: `one of ${oneOf(PRIORITIES)}` },
  {
    name: 'addressee',
    schema: addresseeSchema,
    meaning: 'an identity, an object with only an `agentId`, or one with only an `agentType`',
  },
  {
    name: 'resource',
    schema: resourceSchema,
    meaning:
      'a string of 1 to 1,024 printable characters, no space at either end; names are compared as they are written',
  },
  {
    name: 'config',
    schema: configSchema,
    meaning: '`GlobalState.config` of the specification, every key present',
  },
  {
    name: 'part of the config',
    schema: configChangeSchema,
    meaning: 'those keys of `GlobalState.config` that change',
  },
  {
    name: 'config that can be set',
    schema: settableConfigSchema,
    meaning: 'a config with `features.eventPersistence` on',
  },
  {
    name: 'part of the config to set',
    schema: settableConfigChangeSchema,
    meaning: 'those keys of the config that change, as they can be set',
  },
  {
    name: 'limits to set',
    schema: settableChangeSchema,
    meaning: 'those limits that change, as they can be set',
  },
  {
    name: 'limits',
    schema: limitsSchema,
    meaning: 'every limit of `src/core/limits.ts`, each a whole number from 1',
  },
  {
    name: 'recorded limits',
    schema: recordedLimitsSchema,
    meaning: 'limits, of which those that did not exist yet are absent and have their defaults',
  },
  {
    name: 'limits that can be set',
    schema: settableLimitsSchema,
    meaning: `limits with at least ${leastPayload()}`,
  },
];

/** What a list of words means, as a Markdown list. */
export function wordList(): string {
  return WORDS.map(({ name, meaning }) => `- **${name}**: ${meaning}.`).join('\n');
}

/** The fields of a payload: `name` (what it is), those that may be absent with a question mark. */
export function describeFields(schema: z.ZodObject): string {
  const fields = Object.entries<z.ZodType>(schema.shape);
  return fields
    .map(([name, field]) => {
      const isOptional = field instanceof z.ZodOptional;
      const kind = describe(isOptional ? (field.unwrap() as z.ZodType) : field);
      return `\`${name}\`${isOptional ? '?' : ''} (${kind})`;
    })
    .join(', ');
}

/** The parts of JSON Schema that are met here. */
interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

function describe(schema: z.ZodType): string {
  const word = WORDS.find((one) => one.schema === schema);
  if (word !== undefined) return word.name;
  if (schema instanceof z.ZodObject) return `object of ${describeFields(schema)}`;
  if (schema instanceof z.ZodArray) {
    const { maxItems } = z.toJSONSchema(schema, { unrepresentable: 'any' }) as JsonSchema;
    const most = maxItems === undefined ? '' : `, at most ${maxItems.toLocaleString('en-US')}`;
    return `list of ${describe(schema.element as z.ZodType)}${most}`;
  }
  if (schema instanceof z.ZodUnion) {
    return (schema.options as readonly z.ZodType[]).map((one) => describe(one)).join(', or ');
  }
  if (schema instanceof z.ZodLiteral) return `\`${JSON.stringify(schema.value)}\``;
  return describeJson(z.toJSONSchema(schema, { unrepresentable: 'any' }) as JsonSchema);
}

function describeJson(schema: JsonSchema): string {
  if (schema.enum !== undefined) return nameOfEnum(schema.enum);
  switch (schema.type) {
    case 'integer':
      return `whole number${rangeOf(schema)}`;
    case 'number':
      return `number${rangeOf(schema)}`;
    case 'string':
      return schema.maxLength === undefined
        ? 'string'
        : `string of ${schema.minLength ?? 0} to ${schema.maxLength.toLocaleString('en-US')} characters`;
    case 'boolean':
      return 'boolean';
    case undefined:
      return 'any JSON value';
    default:
      throw new Error(`No words for ${JSON.stringify(schema)}`);
  }
}

function nameOfEnum(values: readonly string[]): string {
  if (values.join() === AGENT_KINDS.join()) return 'kind of agent';
  if (values.join() === LOCK_TYPES.join()) return 'type of lock';
  return `one of ${oneOf(values)}`;
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  const max = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (minimum === undefined) return '';
  const from = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  if (from === undefined) return '';
  return max === undefined ? ` from ${from}` : ` from ${from} to ${max.toLocaleString('en-US')}`;
}
