import { SYSTEM_PORTS, smallSystems, withoutAllBut } from "../test/stack/support/systems";
import { TestStack, freePorts } from "../test/stack/support/test-stack";

/** A stack of the bench's own, with the addresses that the measurements need. */
export async function benchStack(settings: Record<string, unknown> = {}) {
  const port = await freePorts(SYSTEM_PORTS);
  const stack = await TestStack.create("bench", {
    network: { subnet: "10.198.0.0/24" },
    ...smallSystems(port),
    goods: { instances: 3 },
    order: { instances: 2 },
    // Brokers and databases would take from the machine what is measured.
    without: withoutAllBut("ops"),
    ...settings,
  });
  const url = (offset: number) => `http://127.0.0.1:${port + offset}`;
  return { stack, gateway: url(0), admin: url(1), consul: url(2), firstBroker: `127.0.0.1:${port + 5}` };
}
