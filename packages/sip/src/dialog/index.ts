export { Dialog, type DialogState, type DialogVerdict } from './dialog.ts';
