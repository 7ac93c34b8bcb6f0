/** The decisions about the swarm as a whole: its beginning, its openings, its stalls, its alerts. */
import { refuse } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { differing, settingsChanged, withSettings } from '../events/system.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf } from '../protocol/commands.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';

/** The decisions about the swarm. */
export const systemDeciders: Deciders<
  | 'system.initialize'
  | 'system.resume'
  | 'system.stall'
  | 'system.configure'
  | 'system.raise_alert'
  | 'system.note_maintenance'
> = {
  'system.initialize': (view, { payload }) =>
    view.swarm === undefined
      ? facts(fact('system.initialized', payload))
      : refuse('ALREADY_EXISTS', `The swarm ${view.swarm.swarmId} is initialized.`),
  'system.resume': (_view, { payload }) => facts(fact('system.resumed', payload)),
  'system.stall': (_view, { payload }) => facts(fact('system.stalled', payload)),
  'system.configure': configure,
  'system.raise_alert': (_view, { payload }) => facts(fact('system.alert', payload)),
  'system.note_maintenance': (_view, { payload }) => facts(fact('system.maintenance', payload)),
};

/** Only what changes is recorded. */
function configure(view: StateView, { payload }: CommandOf<'system.configure'>): Decision {
  const { swarm } = view;
  if (swarm === undefined) return refuse('INTERNAL', 'The swarm is not initialized.');
  const config = settingsChanged(swarm.config, withSettings(swarm.config, payload.config ?? {}));
  const limits = differing(
    swarm.limits as unknown as JsonObject,
    (payload.limits ?? {}) as JsonObject,
  );
  if (config === undefined && limits === undefined) return facts();
  return facts(
    fact('system.config_changed', {
      ...(config === undefined ? {} : { config }),
      ...(limits === undefined ? {} : { limits }),
    }),
  );
}
