export * from './auth/index.ts';
export * from './errors.ts';
export * from './message/index.ts';
export * from './subscription/index.ts';
export * from './transport/index.ts';
export * from './ua/index.ts';
