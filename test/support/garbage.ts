/** What the garbage collector does with objects that ought to be of no more use. */

/** How many are still there after so many collections as it takes, or a hundred. */
export async function keptInMemory(objects: readonly WeakRef<object>[]): Promise<number> {
  let kept = objects.length;
  for (let i = 0; i < 100 && kept > 0; i++) {
    // Other things than JavaScript may let go of them only when they have had their turn.
    await new Promise((resolve) => setTimeout(resolve, 10));
    globalThis.gc!();
    kept = objects.filter((object) => object.deref()).length;
  }
  return kept;
}
