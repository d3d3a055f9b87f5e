import { Architecture, Component } from "./architecture";
import { Live, hostCount } from "./live";

/** The same graph in Mermaid's language, with a box for each node: for pages that draw it themselves. Deterministic, as {@link renderDot} is. */
export function renderMermaid({ components, edges }: Architecture, live: Live): string {
  const drawn = components.filter(({ nodes, name }) => nodes.length > 0 || edges.some(({ from, to }) => from === name || to === name));
  const outside = drawn.flatMap(({ name, nodes }) => {
    const ports = nodes.flatMap((node) => node.ports);
    return ports.length === 0 ? [] : [`  outside -- "${ports.join("<br/>")}" --> ${id(name)}`];
  });
  const inside = edges.map(
    ({ from, to, label, dashed }) => `  ${id(from)} ${dashed ? `-. "${label}" .->` : `-- "${label}" -->`} ${id(to)}`,
  );
  const ill = drawn.flatMap(({ nodes }) => nodes.filter(({ name }) => live.get(name)?.isWell === false));
  return [
    "flowchart LR",
    '  outside(["clients on the hosts"])',
    ...drawn.flatMap((component) => renderComponent(component, live)),
    ...[...outside, ...inside].sort(),
    "  classDef ill fill:#fbeae9,stroke:#b3261e",
    ...ill.map(({ name }) => `  class ${nodeId(name)} ill`),
    "",
  ].join("\n");
}

function renderComponent({ name, kind, nodes, moving }: Component, live: Live): string[] {
  const boxes = nodes.map((node) => {
    const now = live.get(node.name);
    const place = [node.address, now && hostCount(live) > 1 ? `on ${now.host}` : ""].filter(Boolean).join(" ");
    return `    ${nodeId(node.name)}["${[node.name, place, now?.state].filter(Boolean).join("<br/>")}"]`;
  });
  const held = moving.map((address) => `    ${nodeId(`${name}-${address}`)}(["in turn ${address}"])`);
  // A box without anything in it is none for Mermaid.
  const content = [...boxes, ...held];
  if (content.length === 0) return [`  ${id(name)}["${name}<br/>${kind}"]`];
  return [`  subgraph ${id(name)} ["${name}: ${kind}"]`, ...content, "  end"];
}

/** Some words, as `end`, mean something where an id is expected, and hyphens may be parts of arrows. */
function id(name: string): string {
  return `system_${word(name)}`;
}

function nodeId(name: string): string {
  return `node_${word(name)}`;
}

function word(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, "_");
}
