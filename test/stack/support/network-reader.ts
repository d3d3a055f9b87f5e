import { execa } from "execa";

/**
 * Reads again and again whether an address is on an interface of a container's network, where its neighbours find it: the loopback interface
 * does not count.
 *
 * One process for all readings, beside the container and not in it: none could be started fast enough, nor in a container that is paused.
 */
export class NetworkReader {
  private readonly process;
  private readonly lines: AsyncIterator<unknown>;

  /** @param pid A process of the container. */
  constructor(
    pid: number,
    private readonly address: string,
  ) {
    // By itself it keeps what it says until it has a page of it.
    const command = ["stdbuf", "-oL", "ip", "-json", "-4", "-force", "-batch", "-"];
    this.process = execa("nsenter", [`--net=/proc/${pid}/ns/net`, ...command], { reject: false, buffer: false });
    this.lines = this.process[Symbol.asyncIterator]();
    this.process.stdin.on("error", () => undefined);
  }

  /** Whether it has the address now; a container that has gone has not. */
  async has(): Promise<boolean> {
    this.process.stdin.write("address show scope global\n");
    const { done, value } = await this.lines.next();
    if (done) return false;
    const links = JSON.parse(String(value)) as { addr_info?: { local?: string }[] }[];
    return links.some(({ addr_info: addresses = [] }) => addresses.some(({ local }) => local === this.address));
  }

  async close(): Promise<void> {
    this.process.kill();
    await this.process;
  }
}
