/** What users test with: `stigmergy/testing`. */
export { countedIds } from './counted-ids.ts';
export { ManualClock } from './manual-clock.ts';
export {
  checkReplay,
  checkReplayOf,
  liveState,
  type LiveState,
  type ReplayReport,
} from './replay-check.ts';
export { walkMachine, type Walk, type WalkEdge, type WalkOptions } from './walk.ts';
