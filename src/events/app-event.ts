/**
 * Events of applications: `app.*`. What is in them is for applications to say; the coordinator records it and tells it.
 */
import * as z from 'zod';
import { ours } from './definition.ts';
import type { Fact } from './envelope.ts';

/** The type of an event of an application. */
export type AppEventType = `app.${string}`;

const APP_TYPE = /^app(?:\.[A-Za-z\d_-]{1,64}){1,8}$/;

/** `app.` and up to eight names of letters, digits, `_` and `-`. */
export const appEventTypeSchema = z.custom<AppEventType>(
  (type) => typeof type === 'string' && APP_TYPE.test(type),
  'app. and one to eight names of letters, digits, _ and -, with dots between',
);

/** Whether a type is one of an application. */
export function isAppEventType(type: string): type is AppEventType {
  return type.startsWith('app.');
}

/** Every `app.*` type has this definition; users see `data` as the payload. */
export const APP_EVENT = ours(
  'event.emit by any session and by the operator: what an application has to tell',
  [],
  z.strictObject({ data: z.unknown() }),
);

/** A fact of an application. */
export type AppFact = Fact<AppEventType, { readonly data: unknown }>;
