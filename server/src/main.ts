import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from './config.ts';
import { startLab } from './lab.ts';
import { createLogger } from './log.ts';
import { AllInOne } from './roles/all-in-one.ts';
import { greeting } from './roles/greeting.ts';
import { StartError } from './start-error.ts';

const usage = 'Usage: ringthrough [--config ringthrough.yaml]\n';
/** Longer than the orderly end takes; then the process goes anyway. */
const closeDeadlineMs = 8000;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean' } } });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const { config, warnings } = loadConfig({
    cwd: process.cwd(),
    environment: process.env,
    ...(values.config ? { file: values.config } : {}),
  });
  for (const warning of warnings) process.stderr.write(`${warning}\n`);
  const log = createLogger(config.log);
  // Through the log, because the text of an error may hold a number; and then the process starts afresh.
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug ended the process');
    process.exit(1);
  });
  const service = await AllInOne.start({
    config,
    log,
    version: version(),
    ...(config.lab.enabled ? { guest: (sip, postToSelf) => startLab({ config, log, postToSelf }, sip) } : {}),
  });
  endOnSignal(() => service.close());
  process.stdout.write(`${greeting(config, service.addresses).join('\n')}\n`);
}

function endOnSignal(close: () => Promise<void>): void {
  let ending = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // The second time the person means now.
      if (ending) process.exit(1);
      ending = true;
      setTimeout(() => process.exit(1), closeDeadlineMs).unref();
      void close().then(() => process.exit(0));
    });
  }
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

main().catch((error: unknown) => {
  const known = error instanceof ConfigError || error instanceof StartError || isUsageError(error);
  process.stderr.write(`${known ? (error as Error).message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
});

function isUsageError(error: unknown): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
}
