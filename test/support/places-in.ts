/** Every place of a state, found by going through all of it. */
import type { PathStep } from '../../src/core/path.ts';
import type { SwarmState } from '../../src/projections/swarm-state.ts';

/** A place with its value. */
export type PlaceIn = readonly [steps: readonly PathStep[], value: unknown];

/** All places but the root. Maps, as the history has them, have no places in them. */
export function placesIn(state: SwarmState): readonly PlaceIn[] {
  const found: PlaceIn[] = [];
  visit(state, []);
  return found;

  function visit(value: unknown, steps: readonly PathStep[]): void {
    if (steps.length > 0) found.push([steps, value]);
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) value.forEach((item, at) => visit(item, [...steps, at]));
    else for (const [key, item] of Object.entries(value)) visit(item, [...steps, key]);
  }
}
