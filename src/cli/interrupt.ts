/** What ends a program from outside, as something that its work can hear: it has things to give back first. */
import { constants } from 'node:os';
import { note } from './output.ts';

/** Ctrl-C, being asked to end, and a terminal that closes. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Why some work was ended. */
export interface Interruption {
  /** The exit status that a shell gives a program that the signal ended. */
  readonly exitStatus: number;
}

/** Work that can be interrupted. */
export interface Interruptible {
  readonly signal: AbortSignal;
  /** What has interrupted it; undefined when nothing has. */
  readonly interruption: () => Interruption | undefined;
}

/** Lets signals, and that nobody reads what is printed any more, end some work by its AbortSignal; as often as they come. */
export async function interruptible<T>(work: (by: Interruptible) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let interruption: Interruption | undefined;
  const interrupt = (name: (typeof SIGNALS)[number] | 'SIGPIPE') => {
    if (interruption !== undefined) return;
    interruption = { exitStatus: 128 + constants.signals[name] };
    if (name === 'SIGINT') note('interrupted: ending what runs, and giving back what is held');
    controller.abort();
  };
  const streams = [process.stdout, process.stderr];
  const onUnread = () => interrupt('SIGPIPE');
  for (const name of SIGNALS) process.on(name, interrupt);
  for (const stream of streams) stream.on('error', onUnread);
  try {
    return await work({ signal: controller.signal, interruption: () => interruption });
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt);
    for (const stream of streams) stream.off('error', onUnread);
  }
}
