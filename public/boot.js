// Starts the app: Trunk leaves the addresses of its script and wasm in <meta name="wasm-app">.
const { js, wasm } = document.querySelector('meta[name="wasm-app"]').dataset;
const { default: init } = await import(new URL(js, document.baseURI));
await init({ module_or_path: new URL(wasm, document.baseURI) });
