import { imageReference } from "../../../components/core/images";
import { docker } from "./engine";

/** Who said at which time, in milliseconds of the wall clock, that it has the address. */
export interface ArpAnswer {
  readonly at: number;
  readonly mac: string;
}

/** Asks a network's containers every 20 ms who has an address, and prints every answer. */
const ASKER = `
import select, socket, struct, sys, time

link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
link.bind(("eth0", 0x0806))
mac = link.getsockname()[4]
own, wanted = socket.inet_aton(socket.gethostbyname(socket.gethostname())), socket.inet_aton(sys.argv[1])
question = b"\\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + mac + own + bytes(6) + wanted
while True:
    link.send(question)
    end = time.monotonic() + 0.02
    while (left := end - time.monotonic()) > 0 and select.select([link], [], [], left)[0]:
        said = link.recv(60)
        if said[:6] == mac and said[20:22] == b"\\0\\2" and said[28:32] == wanted:
            print(int(time.time() * 1000), said[6:12].hex(":"), flush=True)
`;

/** A container on a stack's network that asks who has an address, as any neighbour does. */
export class ArpAsker {
  private constructor(private readonly container: string) {}

  static async start(label: string, network: string, address: string): Promise<ArpAsker> {
    const container = `${label}-arp-asker`;
    await docker(
      ...["run", "--detach", "--init", "--name", container, "--label", `dockyard.stack=${label}`, "--network", network, "--user", "0"],
      // It has Python.
      ...["--entrypoint", "python3", imageReference("buildbot"), "-c", ASKER, address],
    );
    return new ArpAsker(container);
  }

  async answers(since: number): Promise<ArpAnswer[]> {
    return (await docker("logs", this.container))
      .split("\n")
      .map((line) => line.split(" "))
      .map(([at, mac = ""]) => ({ at: Number(at), mac }))
      .filter(({ at }) => at >= since);
  }

  async stop(): Promise<void> {
    await docker("rm", "--force", this.container);
  }
}
