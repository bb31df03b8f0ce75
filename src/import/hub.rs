//! A repository of Hugging Face: how it is named, and which of its files say how its model is built.
//! Nothing here asks the network: a page fetches what [`Repository::listing`] names, and then the
//! beginnings of what [`Repository::files`] picks of that list.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ImportError, MOST_JSON};
use crate::sort;

/// The host of the repositories.
const HOST: &str = "https://huggingface.co";

/// How addresses of repositories begin.
const HOSTS: [&str; 2] = ["huggingface.co/", "hf.co/"];

/// The most files of a list that are looked at.
const MOST_LISTED: usize = 10_000;

/// The most files whose beginnings are read; the largest GGUF models are in some dozens.
const MOST_FILES: usize = 64;

/// A repository of a model, as it is named in an address or an id.
///
/// ```
/// use headroom::import::Repository;
///
/// let named = Repository::named("https://huggingface.co/owner/A-7B-GGUF/blob/main/a-Q4_K_M.gguf");
/// assert_eq!(named.unwrap().to_string(), "owner/A-7B-GGUF/blob/main/a-Q4_K_M.gguf");
/// assert_eq!(Repository::in_text("does it make 20 tok/s?"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Who publishes it, and its name.
    pub id: String,
    /// A quantisation of its GGUF files: `owner/name:Q4_K_M`.
    pub tag: Option<String>,
    /// A branch, tag or commit.
    pub revision: Option<String>,
    /// The path of one of its files.
    pub file: Option<String>,
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match (&self.file, &self.revision) {
            (Some(file), revision) => {
                write!(f, "/blob/{}/{file}", revision.as_deref().unwrap_or("main"))
            }
            (None, Some(revision)) => write!(f, "/tree/{revision}"),
            (None, None) => Ok(()),
        }
    }
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HubFile {
    /// The repository's name and the path in it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Its bytes.
    pub size: u64,
}

/// One of several models of a repository, as a rule in one of several quantisations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubOption {
    /// What its file is called.
    pub name: String,
    /// Names it, as [`Repository::named`] reads it.
    pub repository: String,
    /// Bytes of its files.
    pub size: u64,
}

/// What is to be read of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HubFiles {
    /// The beginnings of these files.
    Files(Vec<HubFile>),
    /// One of these is to be chosen first.
    Options(Vec<HubOption>),
}

/// An entry of a list of files.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Stored>,
}

/// Where a large file is stored.
#[derive(Deserialize)]
struct Stored {
    size: u64,
}

/// Owners of images of containers, which are named like repositories.
const IMAGES: &[&str] =
    &["vllm", "ollama", "lmsysorg", "library", "nvcr.io", "ghcr.io", "docker.io"];

/// Ends of files, which are no names of repositories.
const FILES: &[&str] = &[".gguf", ".safetensors", ".json", ".bin", ".py", ".cpp", ".txt", ".sh"];

impl Repository {
    /// The repository that a word names: `owner/name`, or an address on huggingface.co or hf.co.
    pub fn named(word: &str) -> Option<Repository> {
        let word = word.split(['?', '#']).next().unwrap_or_default();
        let word = ["https://", "http://"]
            .iter()
            .find_map(|start| word.strip_prefix(start))
            .unwrap_or(word);
        let word = word.strip_prefix("www.").unwrap_or(word);
        let address = HOSTS.iter().find_map(|host| word.strip_prefix(host));
        let mut parts = address.unwrap_or(word).split('/').filter(|part| !part.is_empty());
        let (owner, name) = (parts.next()?, parts.next()?);
        let (name, tag) =
            name.split_once(':').map_or((name, None), |(name, tag)| (name, Some(tag)));
        let is_part = |part: &str| {
            let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
            part.len() <= 96
                && part.chars().all(is_inside)
                && is_end(part.chars().next())
                && is_end(part.chars().next_back())
                && !part.contains("..")
        };
        if !is_part(owner) || !is_part(name) || tag.is_some_and(|tag| !is_part(tag)) {
            return None;
        }
        if address.is_some() && matches!(owner, "datasets" | "spaces" | "docs" | "blog") {
            return None;
        }
        let (mut revision, mut file) = (None, None);
        match parts.next() {
            Some("tree" | "blob" | "resolve" | "raw") => {
                revision = parts.next().map(str::to_owned).filter(|revision| is_part(revision));
                let path = parts.collect::<Vec<_>>();
                let is_path = !path.is_empty() && path.iter().all(|part| is_part(part));
                file = is_path.then(|| path.join("/"));
            }
            Some(_) if address.is_none() => return None,
            _ => {}
        }
        let (id, tag) = (format!("{owner}/{name}"), tag.map(str::to_owned));
        Some(Repository { id, tag, revision, file })
    }

    /// The first repository that is named in a text.
    pub fn in_text(text: &str) -> Option<Repository> {
        let ends =
            |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '(' | ')' | '=');
        let words = text.split(ends).map(|word| word.trim_end_matches(['.', '?', '!', ':']));
        words.filter(|word| word.contains('/') && !word.starts_with('/')).find_map(|word| {
            let named = Repository::named(word)?;
            let is_address = HOSTS.iter().any(|host| word.contains(host));
            (is_address || named.is_told()).then_some(named)
        })
    }

    /// A sentence has what only looks like an id: tok/s, 3060/32gb, vllm/vllm-openai, models/a.gguf.
    fn is_told(&self) -> bool {
        let (owner, name) = self.id.split_once('/').unwrap_or_default();
        let has_letter = |part: &str| part.bytes().any(|b| b.is_ascii_alphabetic());
        let has_digit = name.bytes().any(|b| b.is_ascii_digit());
        let lower = name.to_ascii_lowercase();
        let is_other = IMAGES.contains(&owner)
            || FILES.iter().any(|end| lower.ends_with(end))
            || self.tag.as_deref() == Some("latest")
            || !has_letter(owner)
            || !has_letter(name);
        !is_other && (name.contains(['-', '_']) || name.len() > 4 && has_digit)
    }

    /// Where the list of its files is.
    pub fn listing(&self) -> String {
        format!("{HOST}/api/models/{}/tree/{}?recursive=true", self.id, self.revision())
    }

    fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// Picks of the list of its files, in JSON, those that say how its model is built.
    ///
    /// # Errors
    /// The list is none, or there is no model in it that can be read.
    pub fn files(&self, listing: &[u8]) -> Result<HubFiles, ImportError> {
        let error = |field: &str, value: &dyn ToString, accepted: &str| {
            Err(ImportError::new(&self.id, field, value.to_string(), accepted))
        };
        if listing.len() as u64 > MOST_JSON {
            return error("list of files", &listing.len(), "at most 16 MiB");
        }
        let listed: Vec<Listed> = match serde_json::from_slice(listing) {
            Ok(listed) => listed,
            Err(wrong) => return error("list of files", &wrong, "a JSON array of files"),
        };
        let files: Vec<HubFile> = listed
            .into_iter()
            .take(MOST_LISTED)
            .filter(|listed| listed.kind == "file")
            .map(|listed| {
                let size = listed.lfs.map_or(listed.size, |stored| stored.size);
                self.file_at(&listed.path, size)
            })
            .collect();
        let find = |name: &str| files.iter().find(|file| self.path_of(file) == name).cloned();
        let config = find("config.json");
        let index = find("model.safetensors.index.json");
        let safetensors: Vec<&HubFile> = files
            .iter()
            .filter(|file| {
                let path = self.path_of(file);
                path.ends_with(".safetensors") && !path.contains('/')
            })
            .collect();
        let is_asked = |path: &str| {
            let file = self.file.as_deref().is_none_or(|file| {
                path == file
                    || path.strip_prefix(file).is_some_and(|rest| rest.starts_with('/'))
                    || whole_name(path) == whole_name(file)
            });
            let tag = self
                .tag
                .as_ref()
                .is_none_or(|tag| path.to_ascii_lowercase().contains(&tag.to_ascii_lowercase()));
            file && tag
        };
        let is_checkpoint = self.tag.is_none()
            && self.file.as_deref().is_none_or(|file| !file.to_ascii_lowercase().contains("gguf"))
            && !(index.is_none() && safetensors.is_empty());
        if let Some(config) = config.clone().filter(|_| is_checkpoint) {
            let tensors = index.or_else(|| match safetensors.as_slice() {
                [only] => Some((*only).clone()),
                _ => None,
            });
            return Ok(HubFiles::Files([Some(config), tensors].into_iter().flatten().collect()));
        }
        // Of each model its parts, in the order of the list.
        let mut models: Vec<(String, Vec<HubFile>)> = Vec::new();
        for file in &files {
            let path = self.path_of(file);
            let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
            let is_model = name.ends_with(".gguf")
                && !["mmproj", "imatrix", "projector"].iter().any(|part| name.contains(part));
            if !is_model || !is_asked(path) {
                continue;
            }
            let whole = whole_name(path);
            match models.iter_mut().find(|(known, _)| *known == whole) {
                Some((_, parts)) => parts.push(file.clone()),
                None => models.push((whole, vec![file.clone()])),
            }
        }
        models.retain(|(_, parts)| parts.len() <= MOST_FILES);
        let size =
            |parts: &[HubFile]| parts.iter().map(|part| part.size).fold(0, u64::saturating_add);
        match models.len() {
            0 => match config {
                Some(config) => Ok(HubFiles::Files(vec![config])),
                None => error("files", &files.len(), "GGUF files, or config.json"),
            },
            1 => Ok(HubFiles::Files(models.swap_remove(0).1)),
            _ => {
                sort::by_key(&mut models, |(_, parts)| size(parts));
                let options = models.iter().take(MOST_FILES).map(|(whole, parts)| {
                    let file = Some(self.path_of(&parts[0]).to_owned());
                    let revision = Some(self.revision().to_owned());
                    let one = Repository { file, revision, tag: None, ..self.clone() };
                    HubOption {
                        name: whole.rsplit('/').next().unwrap_or(whole).to_owned(),
                        repository: one.to_string(),
                        size: size(parts),
                    }
                });
                Ok(HubFiles::Options(options.collect()))
            }
        }
    }

    fn file_at(&self, path: &str, size: u64) -> HubFile {
        let mut url = format!("{HOST}/{}/resolve/{}/", self.id, self.revision());
        for byte in path.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                    url.push(char::from(byte));
                }
                byte => url.push_str(&format!("%{byte:02X}")),
            }
        }
        let name = self.id.rsplit('/').next().unwrap_or_default();
        HubFile { name: format!("{name}/{path}"), url, size }
    }

    /// The path of a file in the repository.
    fn path_of<'a>(&self, file: &'a HubFile) -> &'a str {
        file.name.split_once('/').map_or("", |(_, path)| path)
    }
}

/// The path of a GGUF file without its end and its number: of all parts of a model the same.
fn whole_name(path: &str) -> String {
    let name = path.strip_suffix(".gguf").unwrap_or(path);
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    let whole = name.rsplit_once("-of-").filter(|(_, count)| is_number(count));
    let whole = whole.and_then(|(first, _)| first.rsplit_once('-'));
    whole.filter(|(_, number)| is_number(number)).map_or(name, |(whole, _)| whole).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(files: &[(&str, u64)]) -> Vec<u8> {
        let files = files.iter().map(|(path, size)| {
            // What is stored apart has a pointer in the repository.
            let (own, lfs) = if *size > 1000 { (135, Some(size)) } else { (*size, None) };
            let lfs = lfs.map(|size| serde_json::json!({ "size": size, "pointerSize": 135 }));
            serde_json::json!({ "type": "file", "path": path, "size": own, "lfs": lfs })
        });
        let directory = serde_json::json!({ "type": "directory", "path": "folder", "oid": "0" });
        serde_json::to_vec(&files.chain([directory]).collect::<Vec<_>>()).unwrap()
    }

    fn repository(name: &str) -> Repository {
        Repository::named(name).unwrap()
    }

    #[test]
    fn repositories_are_told_from_what_looks_like_one() {
        for (word, id) in [
            ("owner/A-7B", "owner/A-7B"),
            ("https://huggingface.co/owner/A-7B", "owner/A-7B"),
            ("https://huggingface.co/owner/A-7B/", "owner/A-7B"),
            ("hf.co/owner/A-7B-GGUF:Q4_K_M", "owner/A-7B-GGUF:Q4_K_M"),
            ("https://www.huggingface.co/o/bloom?library=x#y", "o/bloom"),
            ("huggingface.co/o/a-1/tree/v2", "o/a-1/tree/v2"),
            ("https://huggingface.co/o/a-1/resolve/main/b/c.gguf", "o/a-1/blob/main/b/c.gguf"),
        ] {
            let named = Repository::named(word).map(|repository| repository.to_string());
            assert_eq!(named.as_deref(), Some(id), "{word}");
            assert_eq!(
                Repository::named(id).map(|again| again.to_string()).as_deref(),
                named.as_deref()
            );
        }
        for word in [
            "tok/s",
            "3060/32gb",
            "16/32",
            "a",
            "a/",
            "/a-b/c-d",
            "./build/bin-a",
            "~/gguf/a-b",
            "models/A-7B-Q4_K_M.gguf",
            "vllm/vllm-openai:latest",
            "../a-b",
            "a-b/..",
            "a-b/../c-d",
            "https://example.com/owner/A-7B",
            "https://huggingface.co/datasets/a-b",
            "PCIe/SSE2",
        ] {
            assert_eq!(Repository::in_text(word), None, "{word}");
        }
        let text = "does https://huggingface.co/o/a-7b, fit at 20 tok/s?";
        assert_eq!(Repository::in_text(text).map(|named| named.id).as_deref(), Some("o/a-7b"));
    }

    #[test]
    fn of_a_checkpoint_the_configuration_and_the_size_are_read() {
        let named = repository("o/a-7b");
        assert_eq!(
            named.listing(),
            "https://huggingface.co/api/models/o/a-7b/tree/main?recursive=true"
        );
        let files = |list: &[(&str, u64)]| match named.files(&listing(list)).unwrap() {
            HubFiles::Files(files) => files,
            options @ HubFiles::Options(_) => panic!("{options:?}"),
        };
        let many = files(&[
            ("config.json", 700),
            ("model-00001-of-00002.safetensors", 5_000_000_000),
            ("model-00002-of-00002.safetensors", 5_000_000_000),
            ("model.safetensors.index.json", 900),
            ("onnx/model.safetensors", 4000),
        ]);
        assert_eq!(
            many[1].url,
            "https://huggingface.co/o/a-7b/resolve/main/model.safetensors.index.json"
        );
        assert_eq!((many.len(), many[0].name.as_str()), (2, "a-7b/config.json"));
        let one = files(&[("config.json", 700), ("model.safetensors", 5_000_000_000)]);
        assert_eq!(one.iter().map(|file| file.size).collect::<Vec<_>>(), [700, 5_000_000_000]);
        assert_eq!(files(&[("config.json", 700), ("pytorch_model.bin", 5000)]).len(), 1);
    }

    #[test]
    fn of_several_gguf_files_one_is_chosen() {
        let list = listing(&[
            ("README.md", 10),
            ("config.json", 700),
            ("mmproj-F16.gguf", 900_000),
            ("a-Q8_0.gguf", 8_000_000),
            ("a-Q4_K_M.gguf", 4_000_000),
            ("BF16/a-BF16-00001-of-00002.gguf", 9_000_000),
            ("BF16/a-BF16-00002-of-00002.gguf", 7_000_000),
        ]);
        let HubFiles::Options(options) = repository("o/a-7b-GGUF").files(&list).unwrap() else {
            panic!("there are three")
        };
        let names: Vec<_> =
            options.iter().map(|option| (option.name.as_str(), option.size)).collect();
        assert_eq!(names, [("a-Q4_K_M", 4_000_000), ("a-Q8_0", 8_000_000), ("a-BF16", 16_000_000)]);
        for option in &options {
            let files = repository(&option.repository).files(&list).unwrap();
            let HubFiles::Files(files) = files else { panic!("{option:?}") };
            assert_eq!(files.iter().map(|file| file.size).sum::<u64>(), option.size);
        }
        let tagged = repository("hf.co/o/a-7b-GGUF:q4_k_m").files(&list).unwrap();
        assert!(matches!(tagged, HubFiles::Files(files) if files[0].size == 4_000_000));
        let folder = repository("https://huggingface.co/o/a-7b-GGUF/tree/main/BF16").files(&list);
        assert!(matches!(folder.unwrap(), HubFiles::Files(files) if files.len() == 2));
    }

    #[test]
    fn what_is_no_model_is_said() {
        let named = repository("o/a-7b");
        for (list, field) in [
            (listing(&[("README.md", 10)]), "files"),
            (b"[]".to_vec(), "files"),
            (b"{\"error\": \"x\"}".to_vec(), "list of files"),
            (b"<html>".to_vec(), "list of files"),
        ] {
            assert_eq!(named.files(&list).unwrap_err().field, field);
        }
    }
}
