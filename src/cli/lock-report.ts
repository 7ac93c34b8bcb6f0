/** The locks of a moment for people and programs: who holds what and for how long, and who waits in which order. */
import { isoTime } from '../core/time.ts';
import { PRIORITY_BOOST_MS, queueKey } from '../events/lock.ts';
import { type Lock, type LockRequest } from '../events/lock-state.ts';
import type { LockRegistry } from '../projections/swarm-state.ts';
import { duration, msOf, timeOfDay } from './moment.ts';
import { harmless, table } from './output.ts';

/** A held lock, as old as it was at the moment. */
interface HeldLock extends Lock {
  readonly ageMs: number;
  readonly expiresInMs: number;
}

/** A waiting request, with its place in the order of service. */
interface WaitingRequest extends LockRequest {
  /** From 1: who is served next. */
  readonly position: number;
  /** When it counts as asked: earlier than it was, by the boost of its priority. */
  readonly effectiveAt: string;
  readonly waitedMs: number;
  /** When it gives up. */
  readonly deadline: string;
}

/** The locks of a moment. What else is worth showing of locks gets a field here and a table below. */
export interface LockReport {
  readonly held: readonly HeldLock[];
  readonly waiting: readonly WaitingRequest[];
}

/** What is held and waited for at a moment: on all resources, or on one. */
export function lockReport(locks: LockRegistry, shownMs: number, resource?: string): LockReport {
  const isAsked = (item: { readonly resource: string }) =>
    resource === undefined || item.resource === resource;
  return {
    held: Object.values(locks.locks)
      .filter(isAsked)
      .map((lock) => heldLock(lock, shownMs)),
    waiting: Object.values(locks.waitQueue).flatMap((queue) =>
      queue.filter(isAsked).map((request, index) => waitingRequest(request, index + 1, shownMs)),
    ),
  };
}

/** Whether there is nothing to show. */
export function isEmpty(report: LockReport): boolean {
  return Object.values(report).every((list: readonly unknown[]) => list.length === 0);
}

/** The report as tables; empty when there is nothing to show. */
export function lockTables(report: LockReport, shownMs: number): string {
  const tables = [heldTable(report, shownMs), waitingTable(report, shownMs)];
  return tables.filter((drawn) => drawn !== '').join('\n\n');
}

function heldLock(lock: Lock, shownMs: number): HeldLock {
  return {
    ...lock,
    ageMs: shownMs - msOf(lock.acquiredAt),
    expiresInMs: msOf(lock.expiresAt) - shownMs,
  };
}

function waitingRequest(request: LockRequest, position: number, shownMs: number): WaitingRequest {
  const requestedAtMs = msOf(request.requestedAt);
  return {
    ...request,
    position,
    effectiveAt:
      request.isUpgrade === true
        ? request.requestedAt
        : isoTime(queueKey(requestedAtMs, request.priority)),
    waitedMs: shownMs - requestedAtMs,
    deadline: isoTime(requestedAtMs + request.timeout),
  };
}

function heldTable({ held }: LockReport, shownMs: number): string {
  const rows = held.map((lock) => [
    harmless(lock.resource),
    lock.type,
    harmless(lock.holder.agentId),
    String(lock.fencingToken),
    duration(lock.ageMs),
    timeOfDay(msOf(lock.expiresAt), shownMs),
    duration(lock.expiresInMs),
    String(lock.renewCount),
  ]);
  const head = ['lock', 'type', 'holder', 'token', 'age', 'expires (UTC)', 'in', 'renewed'];
  return rows.length === 0 ? '' : table(head, rows);
}

function waitingTable({ waiting }: LockReport, shownMs: number): string {
  const rows = waiting.map((request) => [
    harmless(request.resource),
    String(request.position),
    request.isUpgrade === true ? `to ${request.type}` : request.type,
    harmless(request.requester.agentId),
    askedAs(request, shownMs),
    duration(request.waitedMs),
    timeOfDay(msOf(request.deadline), shownMs),
  ]);
  const head = [
    'waited for',
    '#',
    'type',
    'by',
    'counts as asked (UTC)',
    'waits',
    'gives up (UTC)',
  ];
  return rows.length === 0 ? '' : table(head, rows);
}

/** When a request counts as asked, and why that is not when it came. */
function askedAs({ effectiveAt, priority, isUpgrade }: WaitingRequest, shownMs: number): string {
  if (isUpgrade === true) return 'before all: it holds already';
  const boostMs = PRIORITY_BOOST_MS[priority];
  const boost = boostMs === 0 ? '' : `−${duration(boostMs)} `;
  return `${timeOfDay(msOf(effectiveAt), shownMs)} (${boost}${priority})`;
}
