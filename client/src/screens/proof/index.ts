export { ConfirmLink } from './confirm-link.tsx';
export { ProofFlow } from './flow.tsx';
