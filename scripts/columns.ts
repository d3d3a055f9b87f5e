/**
 * Rows of a table as lines, in columns two spaces apart.
 *
 * @param rows The first names the columns; the last column of each row is as long as it is and widens nothing.
 */
export function renderColumns(rows: readonly (readonly string[])[]): string {
  const count = Math.max(...rows.map(({ length }) => length)) - 1;
  const widths = Array.from({ length: count }, (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
