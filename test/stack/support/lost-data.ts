import { imageReference } from "../../../components/core/images";
import { docker } from "./engine";
import type { TestStack } from "./test-stack";

/**
 * Empties the data volume of a node that does not run, as where a disk is lost and another one mounted, and has the cluster begun two hours ago:
 * what a founder is told is then too old for it to begin another.
 */
export async function loseData(stack: TestStack, node: string): Promise<void> {
  const volumes = ["data", "config"].flatMap((role) => ["--volume", `${stack.container(`${node}-${role}`)}:/${role}`]);
  const script =
    'set -e; find /data -mindepth 1 -delete; grep "^found " /config/current/founding; echo "found $(($(date +%s) - 7200))" > /config/current/founding';
  await docker("run", "--rm", "--user", "0:0", "--network", "none", ...volumes, "--entrypoint", "sh", imageReference("shop"), "-c", script);
}

/**
 * Cuts the append-only file of a Redis server in half, as where its last writes are still on their way to the disk. It is to be killed next: what it
 * writes from then on makes no sense behind the cut.
 */
export async function loseTail(container: string): Promise<void> {
  const script = 'set -e; file=$(ls /data/appendonlydir/*.incr.aof | tail -n 1); truncate --size $(($(stat -c %s "$file") / 2)) "$file"';
  await docker("exec", container, "sh", "-c", script);
}
