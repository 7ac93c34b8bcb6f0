/** What handlers store: seen from the decision on, whether the disk has it yet or not. */
import { MemoryLevel } from 'memory-level';
import { expect, test } from 'vitest';
import { HandlerStorage } from '../../src/bus/handler-storage.ts';

async function open() {
  const database = new MemoryLevel<string, Buffer>({
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    storeEncoding: 'buffer',
  });
  await database.open();
  return { database, storage: new HandlerStorage(database) };
}

test('[I2] a write is seen until the database has it, and a later one is not covered by it', async () => {
  const { database, storage } = await open();
  storage.show(new Map([['a', '1']]), 5);
  storage.show(new Map([['b', '2']]), 7);
  storage.durable(4);
  expect([await storage.get('a'), await storage.get('b')]).toEqual(['1', '2']);
  for (const { key, value } of storage.toKeyWrites(new Map([['a', '1']]))) {
    await database.put(key, Buffer.from(value ?? ''));
  }
  storage.durable(5);
  expect([await storage.get('a'), await storage.get('b')]).toEqual(['1', '2']);
  storage.show(new Map([['a', undefined]]), 9);
  expect(await storage.get('a')).toBeUndefined();
  storage.durable(9); // it was never written there
  expect([await storage.get('a'), await storage.get('b')]).toEqual(['1', undefined]);
  await database.close();
});
