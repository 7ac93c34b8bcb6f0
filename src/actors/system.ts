/** The decisions of the coordinator about the swarm as a whole: its beginning, its openings, its stalls. */
import { refuse } from '../core/errors.ts';
import { fact, facts, type Deciders } from './decision.ts';

/** The decisions about the swarm. */
export const systemDeciders: Deciders<
  'system.initialize' | 'system.resume' | 'system.stall' | 'system.configure'
> = {
  'system.initialize': (view, { payload }) =>
    view.swarm === undefined
      ? facts(fact('system.initialized', payload))
      : refuse('ALREADY_EXISTS', `The swarm ${view.swarm.swarmId} is initialized.`),
  'system.resume': (_view, { payload }) => facts(fact('system.resumed', payload)),
  'system.stall': (_view, { payload }) => facts(fact('system.stalled', payload)),
  'system.configure': (_view, { payload }) => facts(fact('system.config_changed', payload)),
};
