//! The page's components in a real browser: `cargo xtask test --only web`.

#![cfg(target_arch = "wasm32")]

use leptos::prelude::document;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn the_page_mounts_into_its_shell_and_says_so() {
    let body = document().body().expect("a body");
    body.insert_adjacent_html("beforeend", "<div id=app>Loading</div>").expect("a shell");
    headroom::web::start();
    let html = document().document_element().expect("a root");
    assert!(html.has_attribute("data-ready"));
    let shell = document().get_element_by_id("app").expect("the shell");
    assert!(shell.query_selector("h1").is_ok_and(|h1| h1.is_some()));
    assert!(!shell.inner_html().contains("Loading"));
}
