import type { Compilable, CompiledQuery } from 'kysely';

class Placeholder {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** What stands for a parameter while its query is built. */
export type ParameterNamer<P> = <K extends keyof P & string>(name: K) => P[K];

/**
 * A query that is built and compiled once, for those that every call makes: that takes longer than SQLite does. To be
 * run by `store.executeQuery`.
 * @param build makes the query, with `parameter('name')` as the value wherever one belongs; not for lists
 */
export function prepareQuery<P extends object, O = unknown>(
  build: (parameter: ParameterNamer<P>) => Compilable<O>,
): (parameters: P) => CompiledQuery<O> {
  const namer = (name: string) => new Placeholder(name);
  const compiled = build(namer as unknown as ParameterNamer<P>).compile();
  return (values) => ({
    ...compiled,
    parameters: compiled.parameters.map((one) =>
      one instanceof Placeholder ? (values as Record<string, unknown>)[one.name] : one,
    ),
  });
}
