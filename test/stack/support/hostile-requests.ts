const END = "Host: shop\r\nConnection: close\r\n";
const INNER = "GET /smuggled HTTP/1.1\r\nHost: shop\r\n\r\n";
const CHUNKS = `0\r\n\r\n${INNER}`;
/** A request with a body, which ends its connection. @param headers What is said of the body. */
export const post = (headers: string, body: string, version = "1.1") => `POST /goods HTTP/${version}\r\n${END}${headers}\r\n\r\n${body}`;
/** A request without a body, which ends its connection. @param headers Each with the end of its line. */
export const getRaw = (target: string, headers = "") => `GET ${target} HTTP/1.1\r\n${END}${headers}\r\n`;

/** Requests of which each has to be refused with the status at its side. */
export const HOSTILE: Record<string, readonly [request: string, status: number]> = {
  "a length beside chunks": [post(`Content-Length: 6\r\nTransfer-Encoding: chunked`, CHUNKS), 400],
  "two lengths": [post("Content-Length: 0\r\nContent-Length: 39", INNER), 400],
  "a length with a sign": [post("Content-Length: +39", INNER), 400],
  "an unknown encoding": [post("Transfer-Encoding: xchunked", CHUNKS), 501],
  "an encoding behind a control character": [post("Transfer-Encoding: \x0bchunked", CHUNKS), 501],
  "a list of encodings": [post("Transfer-Encoding: chunked, identity", CHUNKS), 501],
  "two encodings": [post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", CHUNKS), 400],
  "a space before the colon": [post("Transfer-Encoding : chunked", CHUNKS), 400],
  "a folded header": [post("Transfer-Encoding:\r\n chunked", CHUNKS), 400],
  "chunks in HTTP/1.0": [post("Transfer-Encoding: chunked", CHUNKS, "1.0"), 400],
  "a chunk's size that overflows": [post("Transfer-Encoding: chunked", `fffffffffffffffff\r\n${INNER}`), 400],
  "no host": [`GET /smuggled HTTP/1.1\r\nConnection: close\r\n\r\n`, 400],
  "a path above the root": [getRaw("/../smuggled"), 400],
  "a step up": [getRaw("/goods/../smuggled"), 400],
  "a step up in codes": [getRaw("/goods/%2e%2E/smuggled"), 400],
  "a step up with a coded slash": [getRaw("/goods/..%2fsmuggled"), 400],
  "a step up with a backslash": [getRaw("/goods/..\\smuggled"), 400],
  "a step up with a parameter": [getRaw("/goods/..;a=b/smuggled"), 400],
  "no host in HTTP/1.0": [`GET /smuggled HTTP/1.0\r\n\r\n`, 400],
  "two slashes in front": [getRaw("//shop/smuggled"), 400],
  "two slashes in front, one in codes": [getRaw("/%2fshop/smuggled"), 400],
  "a slash and a backslash in front": [getRaw("/\\shop/smuggled"), 400],
  "a coded end of a line in an argument": [getRaw("/smuggled?next=a%0d%0aSet-Cookie:%20a=b"), 400],
  "a coded end of a line in the path": [getRaw("/smuggled%0A"), 400],
  "a coded NUL": [getRaw("/smuggled%00.png"), 400],
  "a carriage return in an argument": [getRaw("/smuggled?a=b\rc"), 400],
  "a header that is too large": [getRaw("/smuggled", `X-Large: ${"x".repeat(5000)}\r\n`), 400],
  "headers that are too large together": [getRaw("/smuggled", `X-Large: ${"x".repeat(3900)}\r\n`.repeat(5)), 400],
  "a target that is too large": [getRaw(`/smuggled?${"x".repeat(5000)}`), 414],
  "a body that is too large": [post("Content-Length: 40000", "x".repeat(40_000)), 413],
  "chunks that are too large": [post("Transfer-Encoding: chunked", `9c40\r\n${"x".repeat(40_000)}\r\n0\r\n\r\n`), 413],
  TRACE: [`TRACE /smuggled HTTP/1.1\r\n${END}\r\n`, 405],
};

/** Requests that look like some of those and are to be answered, with the bytes of their bodies. */
export const HONEST = [
  post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
  post("Content-Length: 30000", "x".repeat(30_000)),
  `POST /upload HTTP/1.1\r\n${END}Content-Length: 60000\r\n\r\n${"x".repeat(60_000)}`,
  getRaw("/goods/a..b/.../.well-known?next=/../x%20y"),
  getRaw("/goods/1", `X-Large: ${"x".repeat(3900)}\r\n`),
];
