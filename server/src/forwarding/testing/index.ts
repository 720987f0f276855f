export { CarrierServer, StoredDocument } from './carrier-server.ts';
export { phoneDocument } from './documents.ts';
