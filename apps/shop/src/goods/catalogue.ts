import { PAGE_SIZE, type Goods, type GoodsStore } from "./goods";

/** What every shop has from its first day. */
export const FIRST_GOODS: readonly Goods[] = [
  { id: 1, name: "Anchor, 5 kg", price: 4_990 },
  { id: 2, name: "Mooring line, 20 m", price: 3_450 },
  { id: 3, name: "Fender", price: 1_890 },
  { id: 4, name: "Signal flag set", price: 5_200 },
  { id: 5, name: "Brass compass", price: 8_900 },
  { id: 6, name: "Deck lantern", price: 2_750 },
  { id: 7, name: "Life jacket", price: 6_400 },
  { id: 8, name: "Boat hook", price: 2_190 },
];

/** The goods of a shop without a database. */
export const CATALOGUE: GoodsStore = {
  find: async (id) => FIRST_GOODS.find((goods) => goods.id === id),
  list: async (after) => FIRST_GOODS.filter(({ id }) => id > after).slice(0, PAGE_SIZE),
};
