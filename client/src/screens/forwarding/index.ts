export { Forwarding } from './screen.tsx';
