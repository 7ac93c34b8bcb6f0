/**
 * The decisions about direct writes (specification, "Optimistic Concurrency").
 *
 * Free paths take writes, one at a time or several in one commit. A write of the configuration is a change of the swarm, so its
 * fact is `system.config_changed`. Where a write may lead is said in `state-target.ts`.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { parsePath, type PathStep } from '../core/path.ts';
import type { Limits } from '../core/limits.ts';
import type { NewSwarmFact } from '../events/catalog.ts';
import { touchesDream } from '../events/data-moves.ts';
import { isWithin } from '../events/definition.ts';
import { depthOf, nodesOf, nodesOfDocument } from '../events/document-size.ts';
import { fitWrite, type Fit } from '../events/fit.ts';
import { inFull } from '../events/full-path.ts';
import type { Leaf } from '../events/marks.ts';
import { listLimitAt, longList, windowAt } from '../events/list-limits.ts';
import {
  canWrite,
  fallsOut,
  growthBy,
  leavesOf,
  valueAt,
  written,
  type Write,
} from '../events/state.ts';
import { alertOf, settingsChanged, type SwarmConfig, type SwarmHealth } from '../events/system.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf } from '../protocol/commands.ts';
import { checkDream, checkIterations } from './data-moves.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';
import { compare, writeOf, type AskedWrite } from './state-versions.ts';
import { targetAt, type Target } from './state-target.ts';

/** What a write comes to: its facts, and the document as it leaves it. */
interface Outcome {
  readonly ok: true;
  readonly target: Target;
  readonly facts: readonly NewSwarmFact[];
  readonly document: JsonObject;
  /** It appends to a full window, so that what it puts there stands where the one before it did. */
  readonly isShift: boolean;
}

/** The documents as the writes so far left them, by record. */
type Drafts = ReadonlyMap<string, JsonObject>;

/** The decisions about direct writes. */
export const stateDeciders: Deciders<'state.update' | 'state.delete' | 'state.batch'> = {
  'state.update': (view, { payload }) => single(decideWrite(view, payload)),
  'state.delete': (view, { payload }) => single(decideWrite(view, { ...payload, delete: true })),
  'state.batch': batch,
};

function single(outcome: Outcome | Refusal): Decision {
  if (!outcome.ok) return outcome;
  return checkDream(outcome.target, outcome.document) ?? facts(...outcome.facts);
}

/**
 * All of them or none. Versions are those before the batch; what is written is as the writes before it left it, and a dream is
 * judged by what all of them leave.
 */
function batch(view: StateView, { payload }: CommandOf<'state.batch'>): Decision {
  const max = view.swarm?.limits.batchUpdatesMax ?? 0;
  if (payload.updates.length > max)
    return exceeded('A batch has', 'writes', 'batchUpdatesMax', max);
  const drafts = new Map<string, JsonObject>();
  const targets = new Map<string, Target>();
  const all: NewSwarmFact[] = [];
  const paths: string[] = [];
  const shifted = new Set<string>();
  for (const asked of payload.updates) {
    const outcome = decideWrite(view, asked, drafts);
    if (!outcome.ok) return outcome;
    const { path, record } = outcome.target;
    const isNext = outcome.isShift && shifted.has(path);
    const other = isNext
      ? undefined
      : paths.find((one) => isWithin(one, path) || isWithin(path, one));
    if (other !== undefined) {
      return refuse('INVALID_INPUT', `One batch writes ${path} and ${other}: write it once.`, {
        path,
        other,
      });
    }
    paths.push(path);
    if (outcome.isShift) shifted.add(path);
    drafts.set(record, outcome.document);
    targets.set(record, outcome.target);
    all.push(...outcome.facts);
  }
  for (const [record, target] of targets) {
    const broken = checkDream(target, drafts.get(record) ?? target.document);
    if (broken !== undefined) return broken;
  }
  return facts(...all);
}

/** Decides one write; on what the writes before it in its batch left, when there are drafts. */
function decideWrite(view: StateView, wanted: AskedWrite, drafts?: Drafts): Outcome | Refusal {
  const parsed = parsePath(wanted.path);
  if (!parsed.ok) return parsed;
  const steps = inFull(parsed.steps);
  const found = targetAt(view, steps, wanted.path);
  if (!found.ok) return found;
  const compared = compare(view, found, wanted);
  if (!compared.ok) return compared;
  const { asked } = compared;
  const draft = drafts?.get(found.record) ?? found.document;
  const target = isAppend(asked) ? atEnd(found, draft) : found;
  if (!target.ok) return target;
  const write = writeOf(asked, valueAt(draft, target.steps) !== undefined);
  const limits = view.swarm?.limits;
  if (limits === undefined) return refuse('INTERNAL', 'The swarm is not initialized.');
  const misplaced = checkPlace(target, draft, write);
  if (misplaced !== undefined) return misplaced;
  const leaves = leavesOf(draft, write, target.steps);
  const excess = checkBounds(target, draft, { write, leaves }, limits);
  if (excess !== undefined) return excess;
  if (leaves.length === 0 || isAbsent(write, draft, target)) {
    return { ok: true, target, facts: [], document: draft, isShift: false };
  }
  const fit = fitWrite(
    { schema: target.schema, steps: target.steps, document: draft },
    write,
    leaves,
  );
  if (!fit.ok) {
    const { reason } = fit;
    return refuse('INVALID_INPUT', `${asked.path}: the write would make it invalid: ${reason}.`, {
      path: asked.path,
      reason,
    });
  }
  const misled = checkIterations(target, leaves);
  if (misled !== undefined) return misled;
  // What it leaves is made again when it is folded: here only for who looks at it.
  const isDream = touchesDream(target.kind, leaves);
  const isRead = drafts !== undefined || target.record === 'swarm' || isDream;
  const window = windowAt(target.kind, target.steps, limits);
  const document = isRead ? written(draft, fit.write, target.steps, window) : draft;
  const isShift = isAppend(asked) && fallsOut(draft, target.steps, window) !== undefined;
  const stated = factsOf(target, fit, { draft, document });
  return { ok: true, target, facts: stated, document, isShift };
}

function isAppend(asked: AskedWrite): boolean {
  return 'append' in asked && asked.append === true;
}

function isAbsent(write: Write, document: JsonObject, { steps }: Target): boolean {
  return write.type === 'state.deleted' && valueAt(document, steps) === undefined;
}

/** The facts of a write that makes a document of a draft. */
function factsOf(
  { path, record, steps }: Target,
  { write, reason }: Fit & { readonly ok: true },
  { draft, document }: { readonly draft: JsonObject; readonly document: JsonObject },
): readonly NewSwarmFact[] {
  const [before, after] = [draft, document] as unknown as readonly [SwarmParts, SwarmParts];
  if (record === 'swarm' && steps[0] === 'config') {
    const config = settingsChanged(before.config, after.config);
    return config === undefined ? [] : [fact('system.config_changed', { config })];
  }
  const payload = write.type === 'state.deleted' ? {} : write.payload;
  const said = reason === undefined ? payload : { ...payload, reason };
  const stated = fact(write.type, { path, ...said });
  // Whoever makes the health of the swarm worse raises an alert.
  const alert = record === 'swarm' ? alertOf(before.health, after.health) : undefined;
  return alert === undefined ? [stated] : [stated, fact('system.alert', alert)];
}

/** The document of the swarm. */
interface SwarmParts {
  readonly config: SwarmConfig;
  readonly health: SwarmHealth;
}

/** The place behind the last element of a list. */
function atEnd(target: Target, document: JsonObject): Target | Refusal {
  const list = valueAt(document, target.steps);
  if (list !== undefined && !Array.isArray(list)) {
    return refuse('INVALID_PATH', `${target.path} is no list, so nothing can be appended to it.`, {
      path: target.path,
    });
  }
  const end = list?.length ?? 0;
  return { ...target, path: `${target.path}[${end}]`, steps: [...target.steps, end] };
}

function checkPlace(
  { path, steps }: Target,
  document: JsonObject,
  write: Write,
): Refusal | undefined {
  if (write.type === 'state.deleted' && steps.length === 1) {
    const reason = 'it is always there: write an empty value instead';
    return refuse('INVALID_INPUT', `${path} cannot be deleted: ${reason}.`, { path, reason });
  }
  if (canWrite(document, steps)) return undefined;
  return refuse(
    'INVALID_PATH',
    `${path} does not lead to a place that can be written: a level above it is no object, or a list would get a gap.`,
    { path },
  );
}

function checkBounds(
  { kind, steps }: Target,
  document: JsonObject,
  { write, leaves }: { readonly write: Write; readonly leaves: readonly Leaf[] },
  limits: Limits,
): Refusal | undefined {
  if (write.type === 'state.deleted') return undefined;
  const value = write.payload.newValue as JsonValue;
  if (steps.length - 1 + depthOf(value) > limits.documentDepthMax) {
    return exceeded('A record goes', 'levels deep', 'documentDepthMax', limits.documentDepthMax);
  }
  const list = longList(kind, steps, value, limits) ?? fullList(kind, steps, limits);
  if (list !== undefined) return exceeded('This list has', 'elements', list, limits[list]);
  const field = document[String(steps[0])];
  const oldest = fallsOut(document, steps, windowAt(kind, steps, limits));
  const growth = growthBy(leaves) - nodesOf(oldest);
  if (growth > 0 && nodesOfDocument(field) + growth > limits.documentNodesMax) {
    return exceeded('A record holds', 'values', 'documentNodesMax', limits.documentNodesMax);
  }
  return undefined;
}

/** The limit of a list that refuses another element; undefined when there is room, or the oldest makes it. */
function fullList(
  kind: string | undefined,
  steps: readonly PathStep[],
  limits: Limits,
): keyof Limits | undefined {
  const index = steps.at(-1);
  if (typeof index !== 'number') return undefined;
  const { name, isWindow } = listLimitAt(kind, steps.slice(0, -1));
  return !isWindow && index >= limits[name] ? name : undefined;
}

function exceeded(what: string, unit: string, limit: keyof Limits, max: number): Refusal {
  return refuse('LIMIT_EXCEEDED', `${what} at most ${max} ${unit} (${limit}).`, { limit, max });
}
