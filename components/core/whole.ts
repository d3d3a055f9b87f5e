/** Whether a value is a whole number from `low` to `high`. */
export function isWhole(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}
