/**
 * Names of resources: paths with slashes. `repo/src/**` stands for `repo/src` and everything below it.
 *
 * A resource that begins with `state/` names a part of the state: its path with slashes for dots. A key that holds a slash
 * or a tilde is written as in a JSON Pointer (RFC 6901): `~1` and `~0`.
 */
import type { PathStep } from './path.ts';

const BELOW = '/**';
const STATE = 'state/';

/**
 * Whether a name can be taken for another one than it is: `.` and `..` are not resolved, and `*` means something at the end
 * only. A lock on such a name would protect nothing that its holder has in mind.
 */
export function isMisleading(resource: string): boolean {
  const name = isSubtree(resource) ? resource.slice(0, -BELOW.length) : resource;
  return name.includes('*') || name.split('/').some((part) => part === '.' || part === '..');
}

/** Whether a resource stands for a whole subtree. */
export function isSubtree(resource: string): boolean {
  return resource.length > BELOW.length && resource.endsWith(BELOW);
}

/** Whether a resource names a part of the state. */
export function isStateResource(resource: string): boolean {
  return resource.startsWith(STATE);
}

/** Whether whoever has the first resource has all of the second. */
export function covers(resource: string, other: string): boolean {
  if (resource === other) return true;
  if (!isSubtree(resource)) return false;
  const base = resource.slice(0, -BELOW.length);
  return other === base || (other.startsWith(base) && other[base.length] === '/');
}

/** Whether two resources have something in common. */
export function overlaps(resource: string, other: string): boolean {
  return covers(resource, other) || covers(other, resource);
}

/** Every subtree that covers a resource and is not the resource itself, the narrowest first. */
export function* subtreesOver(resource: string): Generator<string> {
  const base = isSubtree(resource) ? resource.slice(0, -BELOW.length) : resource;
  if (base === resource) yield base + BELOW;
  for (let end = base.lastIndexOf('/'); end > 0; end = base.lastIndexOf('/', end - 1)) {
    yield base.slice(0, end) + BELOW;
  }
}

/** The resource that names a place of the state. */
export function stateResource(steps: readonly PathStep[]): string {
  return STATE + steps.map(escaped).join('/');
}

/**
 * The steps to the place of the state that a resource names, and what ends its name; undefined when it names none, or all
 * of the state.
 */
export function stateStepsOf(
  resource: string,
): { readonly steps: readonly string[]; readonly end: '' | typeof BELOW } | undefined {
  const end = isSubtree(resource) ? BELOW : '';
  const name = resource.slice(0, resource.length - end.length);
  if (!isStateResource(name)) return undefined;
  return { steps: name.slice(STATE.length).split('/').map(unescaped), end };
}

function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

function escaped(step: PathStep): string {
  return String(step).replaceAll('~', '~0').replaceAll('/', '~1');
}
