import { lastWords, run } from "../setup/shell";
import { Docker, Target } from "../stack";
import { Found } from "./engines";

/** States in which nothing of a container may run. */
const AT_REST = ["created", "exited", "dead"];

/**
 * Ends what still runs of containers that their engine believes not to run.
 *
 * An engine that is killed after it has made a container's process, and before it has noted that, leaves it behind: with the container's address
 * and volumes, and with nobody who knows of it. Such a process is neither stopped nor started by the engine, and stays where the container is
 * removed; the one in its place would share its address, and connections would end at the one that nobody answers from. So it has to go as long
 * as the container is there to tell whose it is.
 */
export async function endStrays({ label }: Target, found: readonly Found[], suspects: readonly Found[]): Promise<void> {
  const resting = suspects.filter(({ kind, state }) => kind === "container" && AT_REST.includes(state));
  for (const docker of new Set(resting.map((each) => each.docker))) {
    const here = resting.filter((each) => each.docker === docker);
    const containers = found.filter((each) => each.kind === "container" && each.docker === docker);
    const ended = await end(docker, label, here, containers);
    for (const { id, name } of here) {
      if (ended.includes(id)) console.log(`Ended what still ran of ${name}, of which its engine knew no more.`);
    }
  }
}

/** Ids of the containers of which something ran. It is asked in the first image that has a shell: one of a user's own need not. */
async function end(docker: Docker, label: string, suspects: readonly Found[], containers: readonly Found[]): Promise<string[]> {
  const ids = containers.map(({ id }) => id);
  const images = await run([...docker, "inspect", "--format", "{{.Config.Image}}", ...ids]);
  const script = renderEnding(suspects.map(({ id }) => id));
  let reason = "";
  for (const image of new Set(images.split("\n"))) {
    try {
      return (await run([...docker, ...endingContainer(label, image, script)])).split("\n");
    } catch (error) {
      // The next one may have a shell.
      reason = lastWords(error);
    }
  }
  console.error(`Whether anything of ${suspects.map(({ name }) => name).join(", ")} still runs cannot be seen: ${reason}`);
  return [];
}

/** Arguments of docker that run a script which sees the processes of the host, and may do nothing but end them. */
export function endingContainer(label: string, image: string, script: string): string[] {
  return [
    ...["run", "--rm", "--pull", "never", "--label", `dockyard.stack=${label}`, "--network", "none", "--read-only"],
    ...["--pid", "host", "--userns", "host", "--user", "0:0", "--cap-drop", "ALL", "--cap-add", "KILL"],
    // A process that has not come to its program yet has no profile, and one with a profile may send it no signal.
    ...["--security-opt", "no-new-privileges", "--security-opt", "apparmor=unconfined"],
    ...["--entrypoint", "/bin/sh", image, "-c", script],
  ];
}

/**
 * A script that kills all processes of containers, by the groups that the kernel has them in, and prints the containers' ids.
 *
 * @param processes Folder with one folder for each process.
 */
export function renderEnding(ids: readonly string[], processes = "/proc"): string {
  return [
    `for process in ${processes}/[0-9]*; do`,
    "  while read -r group; do",
    "    case $group in",
    ...ids.map((id) => `    *${id}*) kill -9 "\${process##*/}" && echo ${id}; break ;;`),
    "    esac",
    // One that has ended meanwhile has no groups.
    '  done 2>/dev/null <"$process/cgroup"',
    "done",
    "true",
  ].join("\n");
}
