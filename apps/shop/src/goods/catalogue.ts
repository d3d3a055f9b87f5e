export interface Goods {
  readonly id: number;
  readonly name: string;
  /** In cents: fractions of a currency do not survive floating point. */
  readonly price: number;
}

const CATALOGUE: readonly Goods[] = [
  { id: 1, name: "Anchor, 5 kg", price: 4_990 },
  { id: 2, name: "Mooring line, 20 m", price: 3_450 },
  { id: 3, name: "Fender", price: 1_890 },
  { id: 4, name: "Signal flag set", price: 5_200 },
  { id: 5, name: "Brass compass", price: 8_900 },
  { id: 6, name: "Deck lantern", price: 2_750 },
  { id: 7, name: "Life jacket", price: 6_400 },
  { id: 8, name: "Boat hook", price: 2_190 },
];

export function allGoods(): readonly Goods[] {
  return CATALOGUE;
}

export function findGoods(id: number): Goods | undefined {
  return CATALOGUE.find((goods) => goods.id === id);
}
