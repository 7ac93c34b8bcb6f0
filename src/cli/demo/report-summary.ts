/**
 * The paragraph at the top of a report: its three most notable findings, with numbers.
 *
 * Findings of different kinds are compared by one measure, their weight: how many times the typical
 * value (the median) the greatest one is, or for a share s of the files, 1 / (1 − s). Files with
 * syntax errors come first, because their other numbers are not to be trusted.
 */

import { count, fileSpan, plainText, plural } from './markdown.ts';
import { commentShare, longFiles, SHORT_FILE_LINES, type SourceFacts } from './report-sections.ts';

interface Finding {
  readonly weight: number;
  readonly text: string;
}

const FINDINGS_MAX = 3;
const WEIGHT_MAX = 1_000;

/** Writes the summary; with no analyses there is nothing to find, and it says that. */
export function summaryOf(facts: SourceFacts): string {
  const { analyses } = facts;
  if (analyses.length === 0) return 'No source was analysed.';
  const lines = analyses.reduce((total, one) => total + one.lines, 0);
  const scope = `${plural(analyses.length, 'file')} with ${plural(lines, 'line')} were analysed`;
  const notable = findingsOf(facts)
    .toSorted((a, b) => b.weight - a.weight)
    .slice(0, FINDINGS_MAX)
    .map(({ text }) => text);
  return notable.length === 0 ? `${scope}.` : `${scope}. Most notable: ${notable.join('; ')}.`;
}

/** Every finding that the facts hold, in a fixed order, which decides between equal weights. */
function findingsOf(facts: SourceFacts): Finding[] {
  return [
    ...brokenFiles(facts),
    ...largestFile(facts),
    ...longestFunction(facts),
    ...mostImported(facts),
    ...uncommented(facts),
    ...deepest(facts),
    ...unfinished(facts),
  ];
}

function brokenFiles({ analyses }: SourceFacts): Finding[] {
  const errors = analyses.map(({ parseErrors }) => parseErrors).filter((amount) => amount > 0);
  if (errors.length === 0) return [];
  const total = errors.reduce((sum, amount) => sum + amount, 0);
  const text = `${plural(total, 'syntax error')} in ${plural(errors.length, 'file')}`;
  return [{ weight: Number.POSITIVE_INFINITY, text }];
}

function largestFile({ analyses }: SourceFacts): Finding[] {
  const [largest] = analyses.toSorted((a, b) => b.lines - a.lines);
  if (largest === undefined || analyses.length < 2) return [];
  const weight = timesTypical(analyses.map(({ lines }) => lines));
  const size = `${plural(largest.lines, 'line')}${comparison(weight)}`;
  return [{ weight, text: `the largest file is ${fileSpan(largest.path)} with ${size}` }];
}

function longestFunction({ analyses }: SourceFacts): Finding[] {
  const candidates = analyses.flatMap(({ path, longestFunction: longest }) => {
    return longest === null ? [] : [{ path, ...longest }];
  });
  const [longest] = candidates.toSorted((a, b) => b.lines - a.lines);
  if (longest === undefined || candidates.length < 2) return [];
  const weight = timesTypical(candidates.map(({ lines }) => lines));
  const place = `${plainText(longest.name)} in ${fileSpan(longest.path)}`;
  const size = `${plural(longest.lines, 'line')}${comparison(weight)}`;
  return [{ weight, text: `the longest function is ${place} with ${size}` }];
}

function mostImported({ analyses, modules }: SourceFacts): Finding[] {
  const [most] = modules;
  if (most === undefined || most.importers.length < 2) return [];
  const name = most.kind === 'file' ? fileSpan(most.name) : plainText(most.name);
  const weight = timesTypical(modules.map(({ importers }) => importers.length));
  const amount = `${count(most.importers.length)} of ${plural(analyses.length, 'file')}`;
  return [{ weight, text: `${amount} import ${name}` }];
}

function uncommented(facts: SourceFacts): Finding[] {
  const long = longFiles(facts);
  const bare = long.filter((one) => commentShare(one) === 0).length;
  if (bare === 0) return [];
  const weight = Math.min(WEIGHT_MAX, 1 / (1 - bare / long.length));
  const all = `${plural(long.length, 'file')} of more than ${SHORT_FILE_LINES} lines`;
  return [{ weight, text: `${count(bare)} of ${all} have no comment` }];
}

function deepest({ analyses }: SourceFacts): Finding[] {
  const [one] = analyses.toSorted((a, b) => b.maxNesting - a.maxNesting);
  if (one === undefined || one.maxNesting < 2) return [];
  const weight = timesTypical(analyses.map(({ maxNesting }) => maxNesting));
  const text = `control statements nest ${one.maxNesting} deep in ${fileSpan(one.path)}`;
  return [{ weight, text }];
}

function unfinished({ analyses }: SourceFacts): Finding[] {
  const [one] = analyses.toSorted((a, b) => b.todoCount - a.todoCount);
  const total = analyses.reduce((sum, { todoCount }) => sum + todoCount, 0);
  if (one === undefined || total === 0) return [];
  const weight = timesTypical(analyses.map(({ todoCount }) => todoCount));
  const most = `${count(one.todoCount)} of them in ${fileSpan(one.path)}`;
  return [{ weight, text: `${plural(total, 'TODO or FIXME mark')}, ${most}` }];
}

/** How many times the median the greatest value is; a median below 1 counts as 1. */
function timesTypical(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return Math.min(WEIGHT_MAX, (sorted.at(-1) ?? 0) / Math.max(1, median));
}

function comparison(times: number): string {
  return times >= 2 ? `, ${count(Math.round(times))} times the median` : '';
}
