import { describe, expect, it } from 'vitest';
import { ApiError } from '../api/client.ts';
import { createResource } from './resource.ts';

/** Fetches that the test finishes by hand, in order. */
function manual<T>() {
  const pending: Array<{ resolve: (value: T) => void; reject: (error: unknown) => void }> = [];
  const fetchValue = () => new Promise<T>((resolve, reject) => pending.push({ resolve, reject }));
  return { pending, fetchValue };
}

describe('a resource', () => {
  it('fetches once more when it is asked during a fetch', async () => {
    const { pending, fetchValue } = manual<number>();
    const resource = createResource(fetchValue);
    const first = resource.refresh();
    const second = resource.refresh();
    void resource.refresh();
    pending[0]?.resolve(1);
    await Promise.resolve();
    await Promise.resolve();
    expect(resource.value.value).toBe(1);
    expect(pending).toHaveLength(2);
    pending[1]?.resolve(2);
    await Promise.all([first, second]);
    expect(resource.value.value).toBe(2);
    expect(pending).toHaveLength(2);
  });

  it('keeps the last value when a fetch fails, and says so', async () => {
    const { pending, fetchValue } = manual<number>();
    const resource = createResource(fetchValue);
    resource.set(7);
    const refreshed = resource.refresh();
    pending[0]?.reject(new ApiError({ status: 0, code: 'offline' }));
    await refreshed;
    expect(resource.value.value).toBe(7);
    expect(resource.error.value?.code).toBe('offline');
  });

  it('drops an answer that comes after the logout', async () => {
    const { pending, fetchValue } = manual<number>();
    const resource = createResource(fetchValue);
    const refreshed = resource.refresh();
    resource.clear();
    pending[0]?.resolve(1);
    await refreshed;
    expect(resource.value.value).toBeUndefined();
  });
});
