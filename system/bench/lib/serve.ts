/** The child's side of `startChild`: named questions, one answer each. Ends when its parent lets go. */
export type Answers = Readonly<Record<string, (value: never) => unknown>>;

export function serve(answers: Answers): void {
  process.on('message', (raw) => {
    const { id, name, value } = raw as { readonly id: number; readonly name: string; readonly value: never };
    Promise.resolve()
      .then(() => answers[name]!(value))
      .then(
        (answer) => process.send?.({ id, value: answer }),
        (error: unknown) => process.send?.({ id, error: (error as Error).stack ?? String(error) }),
      );
  });
  process.on('disconnect', () => process.exit(0));
}
