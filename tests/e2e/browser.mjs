// Chromium, started the same way for tests and photographs.
import { chromium } from "./packages.mjs";

/** Starts the Chromium that `cargo xtask` names in CHROMIUM. The flags are webdriver.json's. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
