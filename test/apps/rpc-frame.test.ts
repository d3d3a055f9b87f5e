import { describe, expect, it } from "vitest";
import { encodeFrame, FrameDecoder, FrameTooLargeError, MAX_FRAME_BYTES } from "../../apps/shop/src/rpc/frame";

function decode(decoder: FrameDecoder, ...chunks: Buffer[]): string[] {
  return chunks.flatMap((chunk) => [...decoder.push(chunk)].map((body) => body.toString()));
}

describe("a frame", () => {
  it("is its body's length in 4 bytes, big endian, and the body", () => {
    expect(encodeFrame({ a: "é" })).toEqual(Buffer.concat([Buffer.from([0, 0, 0, 10]), Buffer.from('{"a":"é"}')]));
  });

  it("is refused by its sender when the body exceeds the limit", () => {
    expect(() => encodeFrame("x".repeat(MAX_FRAME_BYTES))).toThrow(new FrameTooLargeError(MAX_FRAME_BYTES + 2, MAX_FRAME_BYTES));
    expect(encodeFrame("x".repeat(MAX_FRAME_BYTES - 2))).toHaveLength(MAX_FRAME_BYTES + 4);
  });
});

describe("a frame decoder", () => {
  const stream = Buffer.concat([encodeFrame("one"), encodeFrame({ two: "x".repeat(300) }), encodeFrame([3])]);
  const bodies = ['"one"', `{"two":"${"x".repeat(300)}"}`, "[3]"];

  it("finds every frame wherever the stream is split in two", () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(decode(new FrameDecoder(), stream.subarray(0, at), stream.subarray(at))).toEqual(bodies);
    }
  });

  it("finds every frame in single bytes and in one piece", () => {
    expect(decode(new FrameDecoder(), ...[...stream].map((byte) => Buffer.from([byte])))).toEqual(bodies);
    expect(decode(new FrameDecoder(), stream)).toEqual(bodies);
  });

  it("yields an empty body for a length of zero", () => {
    expect(decode(new FrameDecoder(), Buffer.alloc(8))).toEqual(["", ""]);
  });

  it("knows whether it is in the middle of a frame", () => {
    const decoder = new FrameDecoder();
    expect(decoder.midFrame).toBe(false);
    for (const byte of encodeFrame("ab").subarray(0, -1)) {
      decode(decoder, Buffer.from([byte]));
      expect(decoder.midFrame).toBe(true);
    }
    decode(decoder, Buffer.from('"'));
    expect(decoder.midFrame).toBe(false);
  });

  it("refuses a frame over the limit by its header alone, after yielding those before it", () => {
    const decoder = new FrameDecoder(10);
    const yielded: string[] = [];
    const read = (): void => {
      for (const body of decoder.push(Buffer.concat([encodeFrame("ok"), Buffer.from([0, 0, 0, 11])]))) yielded.push(body.toString());
    };
    expect(read).toThrow("a frame of 11 bytes exceeds the limit of 10 bytes");
    expect(yielded).toEqual(['"ok"']);
  });
});
