/**
 * A writer's three steps from analyses to a Markdown report: plan, draft, refine.
 *
 * Pure, and plain JSON between the steps, so that each can be another agent's work. The order of the
 * analyses does not matter. Refining trusts neither the plan nor the draft: what does not hold is
 * left out and counted. Not here: what a section says (report-sections.ts), the summary
 * (report-summary.ts).
 */

import {
  alignTables,
  fileMentions,
  fileSpan,
  graphLabel,
  plainText,
  tablesOf,
} from './markdown.ts';
import { factsOf, SECTIONS } from './report-sections.ts';
import { summaryOf } from './report-summary.ts';
import type { SourceAnalysis } from './source-analysis.ts';

/** The kinds of section that a report can have. */
export type SectionId = keyof typeof SECTIONS;

/** Which sections the data supports, which it does not, and why. */
export interface ReportPlan {
  readonly title: string;
  readonly sections: readonly PlannedSection[];
  readonly leftOut: readonly PlannedSection[];
}

/** A section and what speaks for or against it. */
export interface PlannedSection {
  readonly id: SectionId;
  readonly reason: string;
}

/** A report whose claims nobody has checked yet. */
export interface ReportDraft {
  readonly title: string;
  readonly sections: readonly DraftedSection[];
}

/** A section in Markdown, without its heading. Inline code and graph labels are file paths. */
export interface DraftedSection {
  readonly id: SectionId;
  readonly heading: string;
  readonly body: string;
}

/** A checked report and how good it is. */
export interface RefinedReport {
  readonly markdown: string;
  readonly quality: ReportQuality;
  /** Why a drafted section is not in the report. */
  readonly problems: readonly { readonly id: SectionId; readonly problem: string }[];
}

/** Three shares from 0 to 1, each 0 for an empty report. They measure; they do not flatter. */
export interface ReportQuality {
  /** The share of drafted sections that passed every check. */
  readonly coherence: number;
  /** The share of all analysed lines that are in files which the report names. */
  readonly relevance: number;
  /** The share of mentions of a file that name it for the first time: less when sections repeat. */
  readonly creativity: number;
}

/** Picks the sections that the data supports. */
export function planReport(title: string, analyses: readonly SourceAnalysis[]): ReportPlan {
  const facts = factsOf(analyses);
  const judged = sectionIds().map((id) => {
    const { needs, material } = SECTIONS[id];
    const { amount, of } = material(facts);
    return { isSupported: amount >= needs, section: { id, reason: `${of}: ${amount}` } };
  });
  return {
    title,
    sections: judged.filter((one) => one.isSupported).map(({ section }) => section),
    leftOut: judged.filter((one) => !one.isSupported).map(({ section }) => section),
  };
}

/** Writes the planned sections, in the order of the plan. */
export function draftReport(plan: ReportPlan, analyses: readonly SourceAnalysis[]): ReportDraft {
  const facts = factsOf(analyses);
  const sections = plan.sections.map(({ id }) => {
    const { heading, write } = SECTIONS[id];
    return { id, heading, body: write(facts) };
  });
  return { title: plan.title, sections };
}

/**
 * Checks every section of a draft, leaves out those that fail, aligns the tables of the rest and
 * puts a summary on top.
 *
 * A section fails when it is empty, when a table has no rows or a row with too few or too many
 * cells, or when it names a file that was not analysed.
 */
export function refineReport(
  draft: ReportDraft,
  analyses: readonly SourceAnalysis[],
): RefinedReport {
  const facts = factsOf(analyses);
  const fileByMention = new Map(
    facts.analyses.flatMap((one) => [
      [fileSpan(one.path), one],
      [graphLabel(one.path), one],
    ]),
  );
  const checked = draft.sections.map((section) => {
    return { section, problem: problemOf(section.body, new Set(fileByMention.keys())) };
  });
  const sound = checked.filter(({ problem }) => problem === null).map(({ section }) => section);
  const summary = summaryOf(facts);
  const parts = sound.map(({ heading, body }) => `## ${plainText(heading)}\n\n${body.trim()}`);
  const markdown = alignTables([`# ${plainText(draft.title)}`, summary, ...parts].join('\n\n'));
  const mentioned = fileMentions(markdown).map((mention) => fileByMention.get(mention));
  return {
    markdown: `${markdown}\n`,
    quality: {
      coherence: share(sound.length, draft.sections.length),
      relevance: share(linesOf(new Set(mentioned)), linesOf(facts.analyses)),
      creativity: share(new Set(mentioned).size, mentioned.length),
    },
    problems: checked.flatMap(({ section: { id }, problem }) => {
      return problem === null ? [] : [{ id, problem }];
    }),
  };
}

/** What is wrong with a section, or null. */
function problemOf(body: string, known: ReadonlySet<string>): string | null {
  if (body.trim() === '') return 'it is empty';
  for (const [heading = [], rule = [], ...rows] of tablesOf(body)) {
    if (rows.length === 0) return 'a table has no rows';
    const isEven = [rule, ...rows].every((row) => row.length === heading.length);
    if (!isEven) return 'the rows of a table differ in length';
  }
  const unknown = fileMentions(body).find((mention) => !known.has(mention));
  return unknown === undefined ? null : `it names a file that was not analysed: ${unknown}`;
}

function sectionIds(): SectionId[] {
  return Object.keys(SECTIONS) as SectionId[];
}

function linesOf(analyses: Iterable<SourceAnalysis | undefined>): number {
  return [...analyses].reduce((total, one) => total + (one?.lines ?? 0), 0);
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
