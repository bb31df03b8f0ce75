//! A panic leaves a readable message and two ways on, instead of a page that stopped answering.
//!
//! The message stands in `index.html` (`#fatal`), since after a panic no code of ours may run.

use leptos::prelude::document;

/// Shows `#fatal` on a panic, with the panic's own words.
pub fn install() {
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        let document = document();
        if let Some(words) = document.get_element_by_id("fatal-words") {
            words.set_text_content(Some(&panic.to_string()));
        }
        if let Some(fatal) = document.get_element_by_id("fatal") {
            _ = fatal.remove_attribute("hidden");
        }
        if let Some(root) = document.document_element() {
            _ = root.set_attribute("data-fatal", "panic");
        }
    }));
}
