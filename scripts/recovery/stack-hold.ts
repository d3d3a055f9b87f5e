import { once } from "node:events";
import { createServer } from "node:net";
import { SetupError } from "../setup/shell";
import { Target } from "../stack";

/** That another run holds a stack. */
export function heldStack(stack: string): SetupError {
  return new SetupError(`Another run holds the stack ${stack}; wait for it to end, then run the same command again.`);
}

/**
 * Does what changes a stack while no other command of this machine changes it.
 *
 * Pulumi's own lock holds for one run of it: between a look at the stack, what is put back, several such runs and the note of what came of them it
 * is free, and another command would take what has just been made for what a dead one left. The hold is a name in the kernel (a socket in
 * Linux' abstract namespace), so it goes with its process however that ends, and nothing is to be cleared by hand.
 *
 * @throws {SetupError} where another command holds the stack; nothing has been done then.
 */
export async function holdingStack<T>({ stack, label }: Target, work: () => Promise<T>): Promise<T> {
  const server = createServer();
  try {
    server.listen({ path: `\0dockyard-hold-${label}` });
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw heldStack(stack);
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}
