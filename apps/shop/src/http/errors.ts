/** An answer other than success, as the client sees it: `{"error": code, "message": ..., ...details}`. */
export class HttpError extends Error {
  /**
   * @param code For programs: `not_found`.
   * @param details Further fields of the answer.
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = "HttpError";
  }
}

/**
 * Reads the number that a path names.
 *
 * @param what What it numbers, for the message: `goods`.
 * @throws {HttpError} 400 when it is none.
 */
export function readId(what: string, id: string): number {
  if (!/^\d{1,15}$/.test(id)) throw new HttpError(400, "bad_request", `the id of ${what} is a whole number, got ${JSON.stringify(id)}`);
  return Number(id);
}
