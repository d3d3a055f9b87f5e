import { instance } from "@viz-js/viz";

/** Draws a graph in Graphviz's language. */
export async function renderSvg(dot: string): Promise<string> {
  return (await instance()).renderString(dot, { format: "svg" });
}
