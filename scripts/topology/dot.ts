import { Architecture, Component, Edge } from "./architecture";
import { Live, hostCount, isWhole } from "./live";

/**
 * A stack as a graph in Graphviz's language: components with their nodes, who is reached from outside, who sends requests to whom, and who
 * reads whose keys. Deterministic: the same stack gives the same text.
 *
 * @param live What was seen of the nodes. @default the architecture alone is drawn
 */
export function renderDot({ components, edges }: Architecture, live: Live = new Map()): string {
  return [
    "digraph architecture {",
    '  graph [rankdir=LR, fontname="Helvetica", nodesep=0.35, ranksep=1.1, bgcolor="white", pad=0.3]',
    '  node [shape=box, style="rounded,filled", fillcolor="#f4f7fb", color="#5b7fa6", fontname="Helvetica", fontsize=11, margin="0.35,0.15"]',
    '  edge [fontname="Helvetica", fontsize=10, color="#5b7fa6"]',
    '  outside [label="clients on the host", shape=plain, fillcolor="white"]',
    ...components.map((component) => renderComponent(component, live)),
    ...[...outsideEdges(components), ...edges.map(renderEdge)].sort(),
    "}",
    "",
  ].join("\n");
}

function renderComponent(component: Component, live: Live): string {
  const { name, kind, nodes, moving } = component;
  const rows = [
    ...nodes.map((node) => `${node.name}  ${node.address}${seen(node.name, live)}\\l`),
    ...moving.map((address) => `in turn  ${address}\\l`),
  ].join("");
  const ill = isWhole(component, live) ? "" : ', color="#b3261e", fillcolor="#fbeae9"';
  return `  "${name}" [label="${kind}\\n${name}\\n\\n${rows}"${ill}]`;
}

function seen(node: string, live: Live): string {
  const now = live.get(node);
  if (now === undefined) return "";
  return `${hostCount(live) > 1 ? `  on ${now.host}` : ""}  ${now.state}`;
}

function outsideEdges(components: readonly Component[]): string[] {
  return components.flatMap(({ name, nodes }) => {
    const ports = nodes.flatMap((node) => node.ports);
    return ports.length === 0 ? [] : [`  outside -> "${name}" [label="${ports.join("\\n")}"]`];
  });
}

function renderEdge({ from, to, label, dashed }: Edge): string {
  return `  "${from}" -> "${to}" [${dashed ? "style=dashed, " : ""}label="${label}"]`;
}
