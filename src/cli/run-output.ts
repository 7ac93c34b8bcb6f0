/**
 * What `stig run` shows: what happens on standard output, a line each, and what the commands print on standard error, dim on a
 * terminal, so that the lines of the program stand out.
 */
import colors from 'picocolors';
import { systemClock } from '../core/clock.ts';
import { isoTime } from '../core/time.ts';
import { count, print, printJson } from './output.ts';

/** How it is shown. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: true;
}

/** Tells what happens, between what commands print. */
export class RunOutput {
  readonly #isJson: boolean;
  readonly #isQuiet: boolean;
  readonly #colors = colors.createColors(process.stderr.isTTY && colors.isColorSupported);
  #endsLine = true;

  constructor({ json, quiet }: OutputOptions) {
    this.#isJson = json === true;
    this.#isQuiet = quiet === true;
  }

  /** Shows a piece of what a command prints. */
  readonly show = (text: string): void => {
    if (this.#isQuiet || text === '') return;
    process.stderr.write(this.#colors.dim(text));
    this.#endsLine = text.endsWith('\n');
  };

  /** Tells something that happened: an object for programs, a line or more for people. */
  tell(json: object, lines: string): void {
    if (!this.#endsLine) process.stderr.write('\n'); // a command is in the middle of a line
    this.#endsLine = true;
    if (this.#isJson) printJson(json);
    else print(lines);
  }

  /** The same for an agent that works for hours: its lines begin with the time of day, in UTC. */
  tellNow(json: object, line: string): void {
    const time = isoTime(systemClock.wallMs()).slice(11, 19);
    this.tell(json, `${colors.dim(time)}  ${line}`);
  }
}

/** A number with its noun. */
export function many(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}
