/** Where chance comes from: for pauses that should not fall together, and for nothing that is recorded (I5). */
import { randomInt } from 'node:crypto';

/** A source of numbers from 0 up to 1. */
export type ChanceSource = () => number;

const STEPS = 2 ** 32;

/** Chance from the machine. */
export const randomChance: ChanceSource = () => randomInt(STEPS) / STEPS;
