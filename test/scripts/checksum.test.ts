import { describe, expect, it } from "vitest";
import { checksumOf } from "../../scripts/setup/download";

const SUM = "5f".repeat(64);
const GROUPS = SUM.toUpperCase().match(/.{1,8}/g) ?? [];

describe("a published checksum", () => {
  it.each([
    ["in a list of files", `${"0".repeat(64)}  other.zip\n${SUM}  kafka.tgz\n`, SUM],
    ["alone in its file", `${SUM}\n`, SUM],
    [
      "as GnuPG prints it, in groups over several lines",
      `kafka.tgz: ${GROUPS.slice(0, 8).join(" ")}\n           ${GROUPS.slice(8).join(" ")}\n`,
      SUM,
    ],
    ["of other files alone", `${SUM}  other.zip\n`, undefined],
    ["that is a page about an error", "<html>not found</html>", undefined],
  ])("is found %s", (_, text, sum) => {
    expect(checksumOf("kafka.tgz", text)).toBe(sum);
  });
});
