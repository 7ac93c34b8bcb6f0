/** The decision about events of applications: they may always happen. */
import { facts, type Deciders } from './decision.ts';

/** The decision about events of applications. */
export const appEventDeciders: Deciders<'event.emit'> = {
  'event.emit': (_view, { payload: { type, data } }) => facts({ type, payload: { data } }),
};
