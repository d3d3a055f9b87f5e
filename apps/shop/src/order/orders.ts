export interface OrderLine {
  readonly goodsId: number;
  readonly quantity: number;
}

export interface Order {
  readonly id: number;
  readonly lines: readonly OrderLine[];
}

const ORDERS: readonly Order[] = [
  {
    id: 1,
    lines: [
      { goodsId: 1, quantity: 1 },
      { goodsId: 2, quantity: 2 },
    ],
  },
  { id: 2, lines: [{ goodsId: 5, quantity: 1 }] },
  {
    id: 3,
    lines: [
      { goodsId: 3, quantity: 4 },
      { goodsId: 7, quantity: 2 },
      { goodsId: 8, quantity: 1 },
    ],
  },
  {
    id: 4,
    lines: [
      { goodsId: 6, quantity: 3 },
      { goodsId: 4, quantity: 1 },
    ],
  },
];

export function allOrders(): readonly Order[] {
  return ORDERS;
}

export function findOrder(id: number): Order | undefined {
  return ORDERS.find((order) => order.id === id);
}
