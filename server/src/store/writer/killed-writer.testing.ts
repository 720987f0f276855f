import { openStore } from '../store.ts';

/** A process to be killed: prints each row's name once its write was acknowledged. */
const [path = ''] = process.argv.slice(2);
const store = await openStore({ path });
for (let n = 0; ; n++) {
  const group = Array.from({ length: 20 }, async (_, index) => {
    const id = `${n}-${index}`;
    await store.insertInto('accounts').values({ id, password_hash: 'x', created_at: n }).execute();
    process.stdout.write(`${id}\n`);
  });
  await Promise.all(group);
}
