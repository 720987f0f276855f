import { parentPort, workerData } from 'node:worker_threads';
import { NodeSqlite } from '../node-sqlite.ts';
import type { FromWriter, ToWriter } from './batch.ts';
import { executeBatch } from './execute-batch.ts';

/** What the thread is started with. */
export interface WriterWorkerData {
  path: string;
  busyTimeoutMs: number;
}

/** The writer thread's main file: the only place of the process where commits wait for the disk. */
const port = parentPort;
if (!port) throw new Error('this file runs in a worker thread');
const { path, busyTimeoutMs } = workerData as WriterWorkerData;
const database = new NodeSqlite(path, { busyTimeoutMs });

port.on('message', (message: ToWriter) => {
  if (message.type === 'close') {
    database.close();
    port.close();
    return;
  }
  const written: FromWriter = { type: 'written', outcomes: executeBatch(database, message.batch) };
  port.postMessage(written);
});
