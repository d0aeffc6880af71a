import { useAge } from '../store/context.ts';

/** Age that grows on its own. */
export function Age(props: { readonly atMs: number; readonly before?: string; readonly after?: string }) {
  const age = useAge(props.atMs);
  return (
    <span className="age">
      {props.before}
      {age}
      {props.after}
    </span>
  );
}
