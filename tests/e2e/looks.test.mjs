// Every look of the page is accessible and fits its window.
import assert from "node:assert/strict";

import { assertAccessible, pageTest } from "./harness.mjs";

const WIDTHS = {
  desktop: { width: 1280, height: 900 },
  phone: { width: 390, height: 844 },
  "narrow phone": { width: 320, height: 640 },
};

for (const [device, viewport] of Object.entries(WIDTHS)) {
  for (const colorScheme of ["light", "dark"]) {
    for (const locale of ["en-GB", "ru-RU"]) {
      const look = `${device}, ${colorScheme}, ${locale}`;
      pageTest(`looks right: ${look}`, { viewport, colorScheme, locale }, async (headroom) => {
        await headroom.open();
        await headroom.cell("qwen2.5-72b-instruct", "Q8_0").click();
        await headroom.part("bill").waitFor();
        await assertAccessible(headroom);
        assert.ok((await headroom.overflow()) <= 0, "the page scrolls sideways");

        await headroom.open("?model=qwen3-72b&ctx=0");
        await assertAccessible(headroom);
        assert.ok((await headroom.overflow()) <= 0, "the page with notices scrolls sideways");
      });
    }
  }
}
