//! index.html as Trunk reads it: elements with the attribute `data-trunk`, each of which names a
//! part of the page and makes way for the markup that loads it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use html5gum::{DefaultEmitter, HtmlString, StartTag, Token, Tokenizer};

/// The source of the page.
#[derive(Debug)]
pub struct Document<'a> {
    html: &'a str,
    /// The elements with `data-trunk`, in their order.
    pub elements: Vec<Element>,
    /// Where the head ends.
    head_end: usize,
}

/// An element with `data-trunk`.
#[derive(Debug)]
pub struct Element {
    place: Range<usize>,
    /// What it stands for.
    pub asset: Asset,
    /// Its other attributes.
    attributes: Attributes,
}

type Attributes = BTreeMap<String, String>;

/// A part of the page. Paths are relative to the folder of index.html.
#[derive(Debug, PartialEq, Eq)]
pub enum Asset {
    /// A style sheet.
    Css(String),
    /// The page's icon.
    Icon(String),
    /// A script.
    Script(String),
    /// A file that keeps its name.
    CopyFile(String),
    /// A folder that keeps its name and those of its files.
    CopyDir(String),
    /// The app.
    Rust(RustApp),
}

/// A binary that is compiled to wasm.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RustApp {
    /// Cargo.toml or its folder; by default beside index.html.
    pub manifest: Option<String>,
    /// The binary; needed where the package has several.
    pub bin: Option<String>,
    /// The profile that it is developed with.
    pub dev_profile: Option<String>,
    /// The profile that it is released with.
    pub release_profile: Option<String>,
    /// The level that wasm-opt optimises a release at.
    pub wasm_opt: Option<String>,
}

impl RustApp {
    /// The Cargo.toml, where index.html lies in `folder`.
    pub fn manifest(&self, folder: &Path) -> PathBuf {
        let manifest = folder.join(self.manifest.as_deref().unwrap_or_default());
        match manifest.ends_with("Cargo.toml") {
            true => manifest,
            false => manifest.join("Cargo.toml"),
        }
    }
}

impl<'a> Document<'a> {
    /// Finds the elements with `data-trunk`.
    ///
    /// # Errors
    /// One of them asks for what only Trunk does, or there is no head.
    pub fn parse(html: &'a str) -> Result<Document<'a>> {
        let mut emitter = DefaultEmitter::<usize>::new_with_span();
        emitter.naively_switch_states(true);
        let mut elements: Vec<Element> = Vec::new();
        let (mut in_script, mut head_end) = (false, None);
        for token in Tokenizer::new_with_emitter(html, emitter) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) if tag.attributes.contains_key(&b"data-trunk"[..]) => {
                    let source = &html[tag.span.start..tag.span.end];
                    let element = Element::parse(tag).with_context(|| source.to_owned())?;
                    in_script = matches!(element.asset, Asset::Script(_));
                    elements.push(element);
                }
                // A script ends with its end tag, not with its start tag as a link does.
                Token::EndTag(tag) if in_script => {
                    in_script = false;
                    if let Some(script) = elements.last_mut() {
                        script.place.end = tag.span.end;
                    }
                }
                Token::EndTag(tag) if **tag.name == *b"head" => head_end = Some(tag.span.start),
                _ => {}
            }
        }
        Ok(Document { html, elements, head_end: head_end.context("no </head>")? })
    }

    /// The page: `markup` in place of each element, and `preloads` at the end of its head.
    pub fn render(&self, markup: &[String], preloads: &str) -> String {
        let mut page = self.html.to_owned();
        let markup = markup.iter().map(String::as_str);
        let mut edits: Vec<_> = self.elements.iter().map(|e| e.place.clone()).zip(markup).collect();
        edits.push((self.head_end..self.head_end, preloads));
        edits.sort_by_key(|(place, _)| place.start);
        for (place, text) in edits.into_iter().rev() {
            page.replace_range(place, text);
        }
        page
    }
}

impl Element {
    fn parse(tag: StartTag<usize>) -> Result<Element> {
        let name = text(&tag.name);
        let mut attributes: Attributes =
            tag.attributes.iter().map(|(name, value)| (text(name), text(value))).collect();
        attributes.remove("data-trunk");
        let kind = match name.as_str() {
            "script" => name,
            "link" => attributes.remove("rel").context("it has no rel")?,
            _ => bail!("Trunk knows no <{name}>"),
        };
        let mut take = |name| attributes.remove(name);
        let mut path = |name| take(name).with_context(|| format!("it has no {name}"));
        let asset = match kind.as_str() {
            "css" => Asset::Css(path("href")?),
            "icon" => Asset::Icon(path("href")?),
            "script" => Asset::Script(path("src")?),
            "copy-file" => Asset::CopyFile(path("href")?),
            "copy-dir" => Asset::CopyDir(path("href")?),
            "rust" => Asset::Rust(RustApp {
                manifest: take("href"),
                bin: take("data-bin"),
                dev_profile: take("data-cargo-profile-dev"),
                release_profile: take("data-cargo-profile-release"),
                wasm_opt: take("data-wasm-opt"),
            }),
            _ => bail!("rel=\"{kind}\" is left to Trunk"),
        };
        let unknown = attributes.keys().find(|name| name.starts_with("data-"));
        ensure!(unknown.is_none(), "{} is left to Trunk", unknown.map_or("", String::as_str));
        Ok(Element { place: tag.span.start..tag.span.end, asset, attributes })
    }

    /// The markup that loads the asset from `address`, as Trunk writes it.
    pub fn markup(&self, address: &str) -> String {
        let mut attributes = String::new();
        for (name, value) in &self.attributes {
            attributes += " ";
            attributes += name;
            if !value.is_empty() {
                let value = value.replace('&', "&amp;").replace('"', "&quot;");
                attributes += &format!("=\"{value}\"");
            }
        }
        match self.asset {
            Asset::Css(_) => format!("<link rel=\"stylesheet\" href=\"{address}\"{attributes}/>"),
            Asset::Icon(_) => format!("<link rel=\"icon\" href=\"{address}\"/>"),
            Asset::Script(_) => format!("<script src=\"{address}\"{attributes}></script>"),
            Asset::CopyFile(_) | Asset::CopyDir(_) | Asset::Rust(_) => String::new(),
        }
    }
}

fn text(html: &HtmlString) -> String {
    String::from_utf8_lossy(html).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Asset, Document, RustApp};

    fn page(head: &str) -> String {
        format!("<!doctype html><html><head>{head}</head><body></body></html>")
    }

    #[track_caller]
    fn asset(element: &str) -> Asset {
        let html = page(element);
        let mut elements = Document::parse(&html).unwrap().elements;
        assert_eq!(elements.len(), 1);
        elements.remove(0).asset
    }

    #[track_caller]
    fn refused(element: &str) -> String {
        format!("{:#}", Document::parse(&page(element)).unwrap_err())
    }

    #[test]
    fn each_kind_is_read() {
        let css = r#"<link data-trunk rel="css" href="a/b.css">"#;
        assert_eq!(asset(css), Asset::Css("a/b.css".into()));
        let icon = r#"<link rel=icon data-trunk href=i.svg type="image/svg+xml">"#;
        assert_eq!(asset(icon), Asset::Icon("i.svg".into()));
        let script = r#"<script data-trunk src="s.js" defer></script>"#;
        assert_eq!(asset(script), Asset::Script("s.js".into()));
        let file = r#"<link data-trunk rel="copy-file" href="a.json"/>"#;
        assert_eq!(asset(file), Asset::CopyFile("a.json".into()));
        let folder = r#"<link data-trunk rel="copy-dir" href="fonts">"#;
        assert_eq!(asset(folder), Asset::CopyDir("fonts".into()));
    }

    #[test]
    fn the_app_has_its_manifest_binary_profiles_and_level() {
        assert_eq!(
            asset(
                r#"<link data-trunk rel="rust" href="app/Cargo.toml" data-bin="app"
                data-cargo-profile-dev="quick" data-cargo-profile-release="web" data-wasm-opt="z">"#
            ),
            Asset::Rust(RustApp {
                manifest: Some("app/Cargo.toml".into()),
                bin: Some("app".into()),
                dev_profile: Some("quick".into()),
                release_profile: Some("web".into()),
                wasm_opt: Some("z".into()),
            })
        );
        assert_eq!(asset(r#"<link data-trunk rel="rust">"#), Asset::Rust(RustApp::default()));
    }

    #[test]
    fn what_is_left_to_trunk_is_refused_by_name() {
        assert!(refused(r#"<link data-trunk rel="sass" href="a">"#).contains("rel=\"sass\""));
        let inline = refused(r#"<link data-trunk rel="css" href="a" data-inline>"#);
        assert!(inline.contains("data-inline is left"), "{inline}");
        assert!(refused(r#"<link data-trunk rel="css">"#).contains("no href"));
        assert!(refused("<style data-trunk></style>").contains("<style>"));
    }

    #[test]
    fn nothing_but_elements_with_the_attribute_is_replaced() {
        let html = page(
            "<!-- <link data-trunk rel=\"sass\"> -->\n<link rel=\"css\" href=\"kept\">\n\
             <link data-trunk rel=\"css\" href=\"p.css\" media=\"print\">\n\
             <script data-trunk src=\"b.js\" defer> </script>\n<script src=\"kept\"></script>\n\
             <link data-trunk rel=\"copy-file\" href=\"a.json\">",
        );
        let document = Document::parse(&html).unwrap();
        let markup: Vec<_> = document.elements.iter().map(|e| e.markup("./x")).collect();
        assert_eq!(
            document.render(&markup, "<meta>"),
            page(
                "<!-- <link data-trunk rel=\"sass\"> -->\n<link rel=\"css\" href=\"kept\">\n\
                 <link rel=\"stylesheet\" href=\"./x\" media=\"print\"/>\n\
                 <script src=\"./x\" defer></script>\n<script src=\"kept\"></script>\n<meta>"
            )
        );
    }
}
