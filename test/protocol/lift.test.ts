import { describe, expect, test } from 'vitest';
import { COORDINATOR } from '../../src/events/identity.ts';
import { liftCommand } from '../../src/protocol/lift.ts';

const written = (type: string, version: number) => ({
  type,
  version,
  payload: { taskId: 't', percent: 40 },
  source: COORDINATOR,
  timeMs: 1,
});

/** A command that called its progress `percent` once, and a fraction before that. */
const definitions = {
  'task.progress': {
    version: 3,
    earlier: [
      {
        version: 1,
        fields: ['taskId', 'percent'],
        lift: ({ taskId, percent }: Record<string, unknown>) => ({
          taskId,
          percent: Number(percent) * 2,
        }),
      },
      {
        version: 2,
        fields: ['taskId', 'percent'],
        lift: ({ taskId, percent }: Record<string, unknown>) => ({ taskId, progress: percent }),
      },
    ],
  },
};

describe('[I6] a recorded command of an earlier version', () => {
  test.each([
    [1, { taskId: 't', progress: 80 }],
    [2, { taskId: 't', progress: 40 }],
    [3, { taskId: 't', percent: 40 }],
  ])('%i is lifted step by step to the current one', (version, payload) => {
    const lifted = liftCommand(written('task.progress', version), 7, definitions);
    expect(lifted).toMatchObject({ version: 3, payload, timeMs: 1 });
  });

  test.each([
    ['task.progress', 4],
    ['task.progress', 0],
    ['task.unheard', 1],
    ['toString', 1],
  ])('%s of version %i is refused with its sequence, never guessed', (type, version) => {
    expect(() => liftCommand(written(type, version), 7, definitions)).toThrow(
      expect.objectContaining({
        code: 'FORMAT_UNSUPPORTED',
        details: expect.objectContaining({ sequence: 7 }) as unknown,
      }) as Error,
    );
  });
});
