import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { heredoc, shellCommand, shellWords } from "../../components/core/shell";

const HOSTILE = ["plain", "with space", "it's", '"$(touch /tmp/x)"', "`id`", "*", "-n", "", "a\\b", "ümlaut"];

describe("a command line made of an argument array", () => {
  it("reaches the program word by word, whatever the words hold", () => {
    const { stdout } = spawnSync("sh", ["-c", shellCommand(["printf", "%s\\n", ...HOSTILE])], { encoding: "utf8" });
    expect(stdout.split("\n").slice(0, -1)).toEqual(HOSTILE);
  });

  it("quotes nothing that needs no quotes, so that it can be read", () => {
    expect(shellCommand(["docker", "exec", "-i", "a-1", "consul", "kv"])).toBe("docker exec -i a-1 consul kv");
  });
});

describe("a heredoc", () => {
  it.each(["one line", "$HOME `id` \\ $(id)\n", "EOF\nEOF_\n", "\n\n"])("hands over %j as it is", (text) => {
    const { stdout } = spawnSync("sh", ["-c", heredoc("cat", text)], { encoding: "utf8" });
    expect(stdout).toBe(text.endsWith("\n") ? text : `${text}\n`);
  });
});

describe("the words of a quoted line", () => {
  it("are those that it was made of", () => {
    const words = HOSTILE.filter((word) => word !== "");
    expect(shellWords(shellCommand(words))).toEqual(words);
    expect(shellWords(`put 'a b' '${"it'\\''s"}'`)).toEqual(["put", "a b", "it's"]);
  });
});
