// The npm packages: from the folder that `cargo xtask` names in HEADROOM_NPM, or from an ordinary
// node_modules. (An import does not look into folders that the environment names.)
import { createRequire } from "node:module";
import { join } from "node:path";

const { HEADROOM_NPM } = process.env;
const require = createRequire(HEADROOM_NPM ? join(HEADROOM_NPM, "package.json") : import.meta.url);

export const { chromium } = require("playwright-core");
export const axe = require.resolve("axe-core/axe.min.js");
