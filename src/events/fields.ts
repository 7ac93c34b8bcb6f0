/** Fields that take a value that is nearly right, and keep what was meant. */
import * as z from 'zod';
import { isoTime, parseTime } from '../core/time.ts';

/** A moment in ISO 8601; kept in UTC, with milliseconds. */
export const timestampSchema = z
  .string()
  .max(64)
  .overwrite((text) => {
    const ms = parseTime(text);
    return ms === undefined ? text : isoTime(ms);
  })
  .refine((text) => parseTime(text) !== undefined, 'must be an ISO 8601 timestamp');

/** How far something is, 0–100; what is beyond an end is kept as that end. */
export const percentSchema = z.number().overwrite((percent) => Math.min(Math.max(percent, 0), 100));
