/** What `docs/agents-conductor.md` shows runs as it says, and its expressions may be written. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { EVALUATION_LIMITS } from '../../src/protocol/expression-cost.ts';
import { INPUT_LIMITS } from '../../src/protocol/expression-input.ts';
import { PATTERN_LIMITS } from '../../src/protocol/expression-pattern.ts';
import { EXPRESSION_LIMITS } from '../../src/protocol/expression-tree.ts';
import { checkExpression } from '../../src/protocol/expression.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const page = await readFile(new URL('../../docs/agents-conductor.md', import.meta.url), 'utf8');

test('the example', async () => {
  const [example] = fences(page, ['js']);
  expect(example?.code).toContain('runConductor');
  await runCode(example?.code ?? '');
});

test('the expressions', () => {
  const [expressions] = fences(page, ['text']);
  const texts = (expressions?.code ?? '').trim().split('\n');
  expect(texts).toHaveLength(3);
  for (const text of texts) expect(checkExpression(text)).toBeUndefined();
});

test('the limits', () => {
  const told = [...page.matchAll(/^\| [^|]+ \| ([\d,]+) +\|/gm)].map(([, value = '']) =>
    Number(value.replaceAll(',', '')),
  );
  const { charsMax, bracketsMax, nodesMax, depthMax, comprehensionsMax } = EXPRESSION_LIMITS;
  const { elementsMax, stepsMax } = EVALUATION_LIMITS;
  const { charsMax: patternChars, repeatsMax, sizeMax } = PATTERN_LIMITS;
  const { valuesMax, keysMax } = INPUT_LIMITS;
  // prettier-ignore
  expect(told).toEqual([
    charsMax, bracketsMax, nodesMax, depthMax, comprehensionsMax, elementsMax,
    patternChars, repeatsMax, sizeMax, stepsMax, valuesMax, keysMax, 32_768,
  ]);
});
