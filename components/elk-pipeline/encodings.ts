/** What Filebeat 7.17 calls its encodings. */
export const ENCODINGS = [
  "plain",
  "utf-8",
  "gbk",
  "gb18030",
  "big5",
  "euc-jp",
  "euc-kr",
  "iso-2022-jp",
  "shift-jis",
  "utf-16be",
  "utf-16le",
  "utf-16-bom",
  "utf-16be-bom",
  "utf-16le-bom",
  "iso8859-1",
  "iso8859-2",
  "iso8859-3",
  "iso8859-4",
  "iso8859-5",
  "iso8859-6",
  "iso8859-6e",
  "iso8859-6i",
  "iso8859-7",
  "iso8859-8",
  "iso8859-8e",
  "iso8859-8i",
  "iso8859-9",
  "iso8859-10",
  "iso8859-13",
  "iso8859-14",
  "iso8859-15",
  "iso8859-16",
  "cp437",
  "cp850",
  "cp852",
  "cp855",
  "cp858",
  "cp860",
  "cp862",
  "cp863",
  "cp865",
  "cp866",
  "ebcdic-037",
  "ebcdic-1040",
  "ebcdic-1047",
  "koi8r",
  "koi8u",
  "macintosh",
  "macintosh-cyrillic",
  "windows1250",
  "windows1251",
  "windows1252",
  "windows1253",
  "windows1254",
  "windows1255",
  "windows1256",
  "windows1257",
  "windows1258",
  "windows874",
] as const;

/** Whether Filebeat knows an encoding, by its own names or by one of those that WHATWG's Encoding Standard has for them (`gb2312`, `latin1`). */
export function isEncoding(name: string): boolean {
  if ((ENCODINGS as readonly string[]).includes(name)) return true;
  try {
    new TextDecoder(name);
    return true;
  } catch {
    return false;
  }
}
