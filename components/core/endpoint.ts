/** Where a server is reached: a host, which may be a name or an address, and a TCP port. */
export class Endpoint {
  constructor(
    readonly host: string,
    readonly port: number,
  ) {}

  /** `host:port`, as in upstream lists and connection strings. */
  toString(): string {
    return `${this.host}:${this.port}`;
  }

  /** `scheme://host:port`, without a path. */
  url(scheme: string): string {
    return `${scheme}://${this.host}:${this.port}`;
  }
}
