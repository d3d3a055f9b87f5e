import type { HttpRoutes } from "../http/server";
import { HttpError, readId } from "../http/errors";
import { allGoods, findGoods } from "./catalogue";

/** `GET /goods` and `GET /goods/:id`. */
export function goodsRoutes(instance: string): HttpRoutes {
  return (app) => {
    app.get("/goods", async () => ({ instance, goods: allGoods() }));

    app.get<{ Params: { id: string } }>("/goods/:id", async ({ params }) => {
      const id = readId("goods", params.id);
      const goods = findGoods(id);
      if (goods === undefined) throw new HttpError(404, "not_found", `there are no goods ${id}`);
      return { ...goods, instance };
    });
  };
}
