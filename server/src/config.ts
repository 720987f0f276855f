import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type EnvironmentSetting, readEnvironment } from './config-environment.ts';
import { labCarriers } from './config-lab.ts';
import { type Config, configSchema, type ParsedConfig } from './config-schema.ts';

/** Digest realm of every device. Part of the stored HA1 hashes, so it is no setting. */
export const sipRealm = 'ringthrough';

export type { HttpProvisioningConfig, ProvisioningConfig, XcapConfig } from './config-carriers.ts';
export { variableFor } from './config-environment.ts';
export { type CarrierConfig, type Config, carrierSchema } from './config-schema.ts';
export type { CarrierSmsConfig, SmppConfig } from './config-sms.ts';
export { type HeaderRule, type OutboundTrunkConfig, type TrunkConfig, trunkIdAt } from './config-trunks.ts';
export { type Language, languages, type MechanismName, mechanismNames } from './config-validation.ts';

/** The configuration cannot be used. Each line of `message` names a key, the place it was read from, and the fault. */
export class ConfigError extends Error {
  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'ConfigError';
  }
}

export interface LoadConfigOptions {
  /** File to read. It must exist when given; otherwise `ringthrough.yaml` in `cwd` is read if it is there. */
  file?: string;
  cwd: string;
  environment: NodeJS.ProcessEnv;
}

/**
 * Reads file and environment (which wins). `warnings` are to be shown to the operator.
 * @throws ConfigError
 */
export function loadConfig(options: LoadConfigOptions): { config: Config; warnings: string[] } {
  const given = options.file ?? options.environment.RINGTHROUGH_CONFIG;
  const file = resolve(options.cwd, given ?? 'ringthrough.yaml');
  if (given && !existsSync(file)) throw new ConfigError([`${file}: there is no such file`]);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const { settings, unknown } = readEnvironment(options.environment);
  const config = parseConfig(text, { name: given ?? 'ringthrough.yaml', settings });
  config.dataDir = resolve(options.cwd, config.dataDir);
  return { config, warnings: unknown.map((name) => `${name}: no setting has this name; ignored`) };
}

/** @throws ConfigError */
export function parseConfig(
  text: string,
  source: { name: string; settings?: EnvironmentSetting[] } = { name: 'ringthrough.yaml' },
): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map((error) => `${source.name}:${lines.linePos(error.pos[0]).line}: ${error.message}`),
    );
  }
  const input = (document.toJS() as unknown) ?? {};
  const settings = source.settings ?? [];
  for (const setting of settings) assign(input, setting.path, setting.value);
  const result = configSchema.safeParse(input);
  if (result.success) return complete(result.data);
  const place = (path: readonly PropertyKey[]): string => {
    const variable = settings.find((setting) => setting.path.every((part, index) => path[index] === part));
    if (variable) return variable.variable;
    const offset = offsetOf(document.contents, path);
    return offset === undefined ? source.name : `${source.name}:${lines.linePos(offset).line}`;
  };
  throw new ConfigError(result.error.issues.flatMap((issue) => describeIssue(issue, place)));
}

function describeIssue(issue: z.core.$ZodIssue, place: (path: readonly PropertyKey[]) => string): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return `${place(path)}: ${path.join('.')}: no setting has this name`;
    });
  }
  const name = issue.path.join('.') || 'configuration';
  return [`${place(issue.path)}: ${name}: ${issue.message.replace(/^Invalid input: /, '')}`];
}

/** Where the key stands, or the nearest key above it that is in the file. */
function offsetOf(contents: unknown, path: readonly PropertyKey[]): number | undefined {
  let node = contents as Node | null;
  let offset: number | undefined;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === part);
      if (!pair) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else {
      const items = (node as { items?: Node[] } | null)?.items;
      node = items?.[part as number] ?? null;
      if (!node) return offset;
      offset = node.range?.[0] ?? offset;
    }
  }
  return offset;
}

function assign(target: unknown, path: readonly string[], value: unknown): void {
  if (typeof target !== 'object' || target === null) return;
  const [first, ...rest] = path as [string, ...string[]];
  const object = target as Record<string, unknown>;
  if (rest.length === 0) {
    object[first] = value;
    return;
  }
  object[first] ??= {};
  assign(object[first], rest, value);
}

function complete(parsed: ParsedConfig): Config {
  const smsToken = parsed.lab.smsToken ?? randomBytes(24).toString('base64url');
  const carriers = parsed.carriers ?? (parsed.lab.enabled ? labCarriers(smsToken, parsed.lab) : []);
  return { ...parsed, carriers, lab: { ...parsed.lab, smsToken } };
}
