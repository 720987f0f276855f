import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';

/**
 * From now on every write of this process to a file that it has open fails with ENOSPC: its descriptor is exchanged for
 * one of Linux's /dev/full.
 */
export function fillDisk(path: string): void {
  const descriptor = readdirSync('/proc/self/fd').find((fd) => linkOf(fd) === path);
  if (descriptor === undefined) throw new Error(`${path} is not open`);
  closeSync(Number(descriptor));
  // The lowest free number is taken: the one that has just become free, or one below it that comes to the same.
  for (let fd = -1; fd < Number(descriptor); ) fd = openSync('/dev/full', 'w');
}

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The descriptor of the folder itself is gone by now.
    return undefined;
  }
}
