/** The largest body that one frame may carry, in bytes. */
export const MAX_FRAME_BYTES = 1024 * 1024;

/** A frame is the length of its body, 4 bytes big endian, and the body. */
const HEADER_BYTES = 4;

/** A frame that its reader would refuse; what follows it on the connection cannot be read either. */
export class FrameTooLargeError extends Error {
  constructor(bytes: number, maxBytes: number) {
    super(`a frame of ${bytes} bytes exceeds the limit of ${maxBytes} bytes`);
    this.name = "FrameTooLargeError";
  }
}

/** @throws {FrameTooLargeError} when the message does not fit into one frame. */
export function encodeFrame(message: unknown, maxBytes = MAX_FRAME_BYTES): Buffer {
  const json = JSON.stringify(message);
  const bytes = Buffer.byteLength(json);
  if (bytes > maxBytes) throw new FrameTooLargeError(bytes, maxBytes);

  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  frame.writeUInt32BE(bytes, 0);
  frame.write(json, HEADER_BYTES);
  return frame;
}

/** Cuts a stream of bytes into the bodies of its frames, however the network split it. */
export class FrameDecoder {
  private chunks: Buffer[] = [];
  private bufferedBytes = 0;
  private bodyBytes: number | undefined;

  constructor(private readonly maxBytes = MAX_FRAME_BYTES) {}

  /** Whether part of a frame has arrived and the rest has not. */
  get midFrame(): boolean {
    return this.bufferedBytes > 0 || this.bodyBytes !== undefined;
  }

  /**
   * Takes the next bytes and yields the bodies that they complete.
   *
   * @throws {FrameTooLargeError} as soon as a header announces too much, before any of it is kept.
   */
  *push(chunk: Buffer): Generator<Buffer, void> {
    this.chunks.push(chunk);
    this.bufferedBytes += chunk.length;

    for (;;) {
      if (this.bodyBytes === undefined) {
        if (this.bufferedBytes < HEADER_BYTES) return;
        const announced = this.take(HEADER_BYTES).readUInt32BE(0);
        if (announced > this.maxBytes) throw new FrameTooLargeError(announced, this.maxBytes);
        this.bodyBytes = announced;
      }
      if (this.bufferedBytes < this.bodyBytes) return;
      const body = this.take(this.bodyBytes);
      this.bodyBytes = undefined;
      yield body;
    }
  }

  /** Chunks are joined only when a whole part is there, so a large frame in many chunks is copied once. */
  private take(bytes: number): Buffer {
    const [first] = this.chunks;
    const joined = first !== undefined && first.length >= bytes ? first : Buffer.concat(this.chunks);
    const rest = joined === first ? this.chunks.slice(1) : [];
    this.chunks = joined.length > bytes ? [joined.subarray(bytes), ...rest] : rest;
    this.bufferedBytes -= bytes;
    return joined.subarray(0, bytes);
  }
}
