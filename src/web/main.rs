//! The web app's entry.

#[cfg(target_arch = "wasm32")]
fn main() {
    headroom_web::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("this is the web page's entry; build it with `cargo xtask build`");
    std::process::exit(2);
}
