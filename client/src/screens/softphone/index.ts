export { AddSoftphone } from './add.tsx';
export { SetUpSoftphone } from './set-up.tsx';
