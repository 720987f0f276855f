import type { ComponentChildren } from 'preact';
import type { ValidationPurpose } from '../../api/types.ts';
import type { Frame } from '../frames.tsx';

export interface ProofFlowProps {
  purpose: ValidationPurpose;
  /** Route of the first step; the others are below it, so that Back goes through them. */
  at: string[];
  frame: Frame;
  title: string;
  lead: string;
  /** Below the number: other ways in. */
  links?: ComponentChildren;
  /** Uses the proof; what it throws is explained, and the person can begin again. */
  onProof: (proof: string, number: string) => Promise<void> | void;
}
