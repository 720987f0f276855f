import type { ComponentChildren, JSX } from 'preact';
import { Screen } from '../ui/screen.tsx';
import { Front } from './front.tsx';

/** What stands around a step: the front page before the login, a screen after it. */
export type Frame = (props: { title: string; lead?: string; children: ComponentChildren }) => JSX.Element;

/** Before the login. */
export const frontFrame: Frame = (props) => <Front {...props} />;

/** After it; `backTo` is the screen that the flow was entered from. */
export function screenFrame(backTo: string[]): Frame {
  return (props) => <Screen key={props.title} backTo={backTo} {...props} />;
}
