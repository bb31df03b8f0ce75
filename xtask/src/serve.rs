//! Serving the page while it is worked on: built anew when a source changes, kept in memory.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, bail};
use tiny_http::{Header, Method, Response, Server};

use crate::page::{self, Page, Purpose};
use crate::process::root;

/// The port that is tried first.
const PORT: u16 = 8080;

/// How long a change may go unseen.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Builds the page, serves it and rebuilds it on change until interrupted. Without `port`, at the
/// first free one from 8080 on.
///
/// # Errors
/// A tool is missing, the port is taken, or the first build fails.
pub fn serve(port: Option<u16>) -> Result<()> {
    let (server, port) = listen(port)?;
    let seen = sources(root());
    let page = Arc::new(Mutex::new(build()?));
    println!("\nHeadroom is at http://127.0.0.1:{port}/");
    let rebuilt = Arc::clone(&page);
    thread::spawn(move || rebuild(seen, &rebuilt));
    answer(&server, &page);
    bail!("the server has stopped")
}

/// Rebuilds `page` whenever the sources are no longer those that were `seen`.
fn rebuild(mut seen: Sources, page: &Mutex<Page>) -> ! {
    loop {
        thread::sleep(LOOK_EVERY);
        let now = sources(root());
        if now == seen {
            continue;
        }
        seen = now;
        match build() {
            Ok(built) => {
                *page.lock().unwrap_or_else(PoisonError::into_inner) = built;
                println!("the page is rebuilt");
            }
            Err(error) => eprintln!("error: {error:#}; the page is as it was"),
        }
    }
}

fn build() -> Result<Page> {
    page::build(&page::config()?, Purpose::Development)
}

/// A server at `port`, or at the first free one.
fn listen(port: Option<u16>) -> Result<(Server, u16)> {
    let server = |port| Server::http((Ipv4Addr::LOCALHOST, port));
    if let Some(port) = port {
        let server = server(port).map_err(|why| {
            anyhow!("port {port} cannot be had ({why}); leave --port out to get a free one")
        })?;
        return Ok((server, port));
    }
    let last = PORT + 99;
    let free = (PORT..=last).find_map(|port| Some((server(port).ok()?, port)));
    free.with_context(|| format!("no port from {PORT} to {last} is free; name one with --port"))
}

/// Answers requests for files of `page` until the server ends.
fn answer(server: &Server, page: &Mutex<Page>) {
    for request in server.incoming_requests() {
        let address = address(request.url());
        let file = page.lock().unwrap_or_else(PoisonError::into_inner).get(address).cloned();
        let known = matches!(request.method(), Method::Get | Method::Head);
        let (status, kind, bytes) = match file {
            _ if !known => (405, "text/plain", b"only GET and HEAD\n".to_vec()),
            None => (404, "text/plain", b"not here\n".to_vec()),
            Some(bytes) => (200, content_type(address), bytes),
        };
        let mut response = Response::from_data(bytes).with_status_code(status);
        // A rebuilt page is seen when it is loaded again.
        for header in [format!("Content-Type: {kind}"), "Cache-Control: no-cache".to_owned()] {
            if let Ok(header) = header.parse::<Header>() {
                response.add_header(header);
            }
        }
        // The browser may have gone; then there is no one to tell.
        let _ = request.respond(response.with_chunked_threshold(usize::MAX));
    }
}

/// The address of the file that `url` asks for. Nothing but files of the page has one, so no path
/// leads out of it.
fn address(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    match path.strip_prefix('/').unwrap_or(path) {
        "" => "index.html",
        path => path,
    }
}

fn content_type(address: &str) -> &'static str {
    match address.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Files with the time of their last change.
type Sources = BTreeMap<PathBuf, SystemTime>;

/// The files that the page may be made of: all below `folder` but what is hidden or made.
fn sources(folder: &Path) -> Sources {
    let mut found = Sources::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // Cargo leaves this file in each target folder.
        if folder.join("CACHEDIR.TAG").exists() {
            continue;
        }
        // What cannot be read is gone, as when an editor has just put another file in its place.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let hidden = name.as_encoded_bytes().starts_with(b".");
            let Ok(about) = entry.metadata() else { continue };
            if hidden || name == "dist" || name == "node_modules" {
                continue;
            }
            if about.is_dir() {
                folders.push(entry.path());
            } else if let Ok(changed) = about.modified() {
                found.insert(entry.path(), changed);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::Mutex;

    use tiny_http::Server;

    use super::{answer, sources};
    use crate::page::Page;

    /// The whole answer to a request of a page of three files.
    fn answered(request: &str) -> String {
        let server = Server::http("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(server.server_addr().to_ip().unwrap()).unwrap();
        let page = [("index.html", "<p>"), ("app-1f_bg.wasm", "\0asm"), ("fonts/a.woff2", "wOF2")];
        let page = page.map(|(address, text)| (address.to_owned(), text.into()));
        let page = Mutex::new(Page::from(page));
        let mut answer_text = String::new();
        std::thread::scope(|scope| {
            scope.spawn(|| answer(&server, &page));
            write!(stream, "{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
            stream.read_to_string(&mut answer_text).unwrap();
            server.unblock();
        });
        answer_text
    }

    #[track_caller]
    fn expect(request: &str, status: &str, parts: &[&str]) {
        let answer = answered(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        for part in parts {
            assert!(answer.contains(part), "{request}: no {part:?} in {answer}");
        }
    }

    #[test]
    fn files_have_their_type_and_are_not_kept() {
        let html = "Content-Type: text/html; charset=utf-8\r\n";
        expect("GET /", "200", &[html, "Cache-Control: no-cache\r\n", "\r\n\r\n<p>"]);
        expect("GET /?model=a&hw=b/../c", "200", &[html, "<p>"]);
        expect("GET /app-1f_bg.wasm", "200", &["Content-Type: application/wasm\r\n", "\0asm"]);
        expect("GET /fonts/a.woff2", "200", &["Content-Type: font/woff2\r\n", "wOF2"]);
    }

    #[test]
    fn nothing_else_is_served() {
        for path in ["/Cargo.toml", "/fonts", "/fonts/", "//etc/passwd"] {
            expect(&format!("GET {path}"), "404", &[]);
        }
        for path in ["/../Cargo.toml", "/fonts/../index.html", "/%2e%2e/Cargo.toml", "/..\\a"] {
            expect(&format!("GET {path}"), "404", &[]);
        }
        expect("POST /", "405", &[]);
    }

    #[test]
    fn a_changed_new_or_removed_source_is_seen_and_what_is_made_is_not() {
        let folder = std::env::temp_dir().join(format!("headroom-sources-{}", std::process::id()));
        fs::create_dir_all(folder.join("src/web")).unwrap();
        for made in ["target", "dist", ".git"] {
            fs::create_dir_all(folder.join(made)).unwrap();
        }
        fs::write(folder.join("target/CACHEDIR.TAG"), "").unwrap();
        let source = folder.join("src/web/a.rs");
        fs::write(&source, "").unwrap();
        let before = sources(&folder);
        assert_eq!(before.keys().collect::<Vec<_>>(), [&source]);

        for made in ["target/a", "dist/a", ".git/a"] {
            fs::write(folder.join(made), "").unwrap();
        }
        assert_eq!(sources(&folder), before);
        let later = before[&source] + std::time::Duration::from_secs(2);
        fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        assert_ne!(sources(&folder), before);
        fs::rename(&source, folder.join("src/b.rs")).unwrap();
        assert_eq!(sources(&folder).into_keys().collect::<Vec<_>>(), [folder.join("src/b.rs")]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
