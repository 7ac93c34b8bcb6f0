/** Where ids come from. They enter with a command and are recorded in it, so that a replay draws none (I5, I6). */
import { nanoid } from 'nanoid';

/** A source of ids that are unique in a swarm: letters, digits, `_` and `-`. */
export type IdSource = () => string;

/** 21 random characters, 126 bits. None begins with a hyphen: on a command line it would be taken for an option. */
export const randomIds: IdSource = () => {
  let id = nanoid();
  while (id.startsWith('-')) id = nanoid();
  return id;
};
