// The page starts wherever it is put, and without an error.
import assert from "node:assert/strict";

import { assertAccessible, pageTest } from "./harness.mjs";

pageTest("opens under a sub-path with a strict policy", {}, async (headroom) => {
  await headroom.open();
  assert.equal(await headroom.page.getByRole("heading", { level: 1 }).count(), 1);
  assert.match(await headroom.page.title(), /Headroom/);
});

pageTest("a query that is no query harms nothing", {}, async (headroom) => {
  await headroom.open("?ctx=%E0%A4%A&=&&bad=%");
  assert.equal(await headroom.page.getByRole("heading", { level: 1 }).count(), 1);
});

pageTest("axe has no complaint", {}, async (headroom) => {
  await headroom.open();
  await assertAccessible(headroom);
});
