//! The house keeps its shape: arrows between rooms, what pure rooms may name, where Pingora is, how large functions
//! are, and what stands at the top of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::source::{code_only, functions, words};

/// A room uses only what stands to its left.
const ARROWS: [&str; 20] = [
    "types",
    "telemetry",
    "codec",
    "catalog",
    "session",
    "analysis",
    "routing",
    "upstream",
    "strategy",
    "ledger",
    "learning",
    "pipeline",
    "proxy",
    "intercept",
    "config",
    "app",
    "demo",
    "cmd",
    "main",
    "lib",
];

/// Values in, values out.
const PURE: [&str; 5] = ["types", "codec", "catalog", "analysis", "routing"];

/// The only rooms that name Pingora.
const ON_PINGORA: [&str; 4] = ["proxy", "upstream", "intercept", "app"];

/// What may stand at the top; other files go where they belong.
const TOP: [&str; 24] = [
    "Cargo.toml",
    "src",
    "conf",
    "benches",
    "tests",
    "scripts",
    "docker-compose.yml",
    "README.md",
    "Cargo.lock",
    "LICENSE",
    "NOTICE",
    "CHANGELOG.md",
    "SECURITY.md",
    "deny.toml",
    ".config",
    ".ci",
    ".gitignore",
    ".git",
    ".gitattributes",
    ".cargo",
    ".clippy.toml",
    ".rustfmt.toml",
    ".editorconfig",
    ".dockerignore",
];

struct Source {
    path: String,
    code: String,
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let root = repository().join("src");
    source_files().iter().map(|path| source(&root, path)).collect()
}

/// The files of the program without those of its tests, in order.
pub(super) fn source_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![repository().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn source(root: &Path, path: &Path) -> Source {
    let inside = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let code = code_only(&fs::read_to_string(path).unwrap());
    Source { path: inside, code }
}

fn room_of(path: &str) -> String {
    path.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

/// Rooms that code names through `crate::` (or, in `main.rs`, `pointsman::`), groups in braces included.
fn rooms_named(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for root in ["crate::", "pointsman::"] {
        for (at, _) in code.match_indices(root) {
            let inside_word = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if !inside_word {
                rooms.extend(first_segments(code[at + root.len()..].trim_start()));
            }
        }
    }
    rooms
}

fn first_segments(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        return words(path).next().map(|(_, word)| word.to_owned()).into_iter().collect();
    };
    let (mut depth, mut item, mut items) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ => item.push(c),
        }
    }
    items.push(item);
    items.iter().filter_map(|item| words(item).next().map(|(_, word)| word.to_owned())).collect()
}

/// What is wrong with one file, in words.
fn faults(path: &str, code: &str) -> Vec<String> {
    let room = room_of(path);
    let place = |name: &str| ARROWS.iter().position(|known| *known == name);
    let Some(here) = place(&room) else {
        return vec![format!("{path}: `{room}` is not a room of the house")];
    };
    let named = rooms_named(code);
    let backward =
        named.iter().filter(|name| **name != room && place(name).is_some_and(|there| there >= here));
    let mut faults: Vec<_> =
        backward.map(|name| format!("{path}: `{room}` uses `{name}`, to its right")).collect();
    let names =
        |crates: &str| words(code).any(|(_, word)| word == crates || word.starts_with(&format!("{crates}_")));
    if names("pingora") && !ON_PINGORA.contains(&room.as_str()) {
        faults.push(format!("{path}: Pingora is named outside {ON_PINGORA:?}"));
    }
    if PURE.contains(&room.as_str()) && names("tokio") {
        faults.push(format!("{path}: a pure room names tokio"));
    }
    if path.contains('/') && code.contains("super::super::")
        || !path.contains('/') && code.contains("super::")
    {
        faults.push(format!("{path}: a path through `super` hides its room; write `crate::`"));
    }
    faults
}

#[test]
fn a_room_uses_only_what_stands_to_its_left() {
    let sources = sources();
    assert!(sources.len() > 10, "the source was not found");
    let faults: Vec<_> = sources.iter().flat_map(|source| faults(&source.path, &source.code)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_wrong_arrow_is_found_however_it_is_written() {
    let wrong = [
        ("routing/decide.rs", "use crate::upstream::Client;"),
        ("routing/decide.rs", "use crate::{types::Day, ledger::{Entry, Row}};"),
        ("codec/sse.rs", "fn f() { crate::catalog::Model::new() }"),
        ("catalog/price.rs", "use tokio::sync::Mutex;"),
        ("ledger/entry.rs", "use pingora_core::Error;"),
        ("codec/read.rs", "use super::super::proxy::Reply;"),
        ("session.rs", "use super::routing::Plan;"),
        ("helpers/x.rs", ""),
        ("config/file.rs", "use crate::app::InProcess;"),
    ];
    for (path, text) in wrong {
        assert!(!faults(path, &code_only(text)).is_empty(), "{path}: {text}");
    }
    let right = [
        (
            "routing/decide.rs",
            "use crate::analysis::Features; // crate::proxy\nconst A: &str = \"crate::proxy::X\";",
        ),
        ("routing/decide.rs", "#[cfg(test)]\nmod tests { use crate::proxy::X; }\n"),
        ("proxy/reply.rs", "use pingora::http::ResponseHeader; use super::body;"),
        ("main.rs", "fn main() { pointsman::cmd::run() }"),
    ];
    for (path, text) in right {
        assert_eq!(faults(path, &code_only(text)), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn functions_stay_readable() {
    let functions: Vec<_> = sources()
        .into_iter()
        .flat_map(|source| functions(&source.code).into_iter().map(move |found| (source.path.clone(), found)))
        .collect();
    let wide: Vec<_> = functions.iter().filter(|(_, found)| found.parameters > 5).collect();
    let long: Vec<_> = functions.iter().filter(|(_, found)| found.lines > 60).collect();
    assert!(wide.is_empty(), "more than five parameters: {wide:#?}");
    assert!(
        long.len() * 50 <= functions.len(),
        "{} of {} over 60 lines: {long:#?}",
        long.len(),
        functions.len()
    );
}

#[test]
fn functions_are_measured_rightly() {
    let text = "impl A { fn a<F: Fn(u8) -> u8>(&self, f: F, (x, y): (u8, u8)) -> Vec<u8> {\n  '{';\n  \"}\";\n}\n\
                fn b(); pub async fn c(\n  one: HashMap<u8, u8>,\n  two: &'static str,\n) {}\n}";
    let found = functions(&code_only(text));
    let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.lines, one.parameters)).collect();
    assert_eq!(found, [("a", 4, 3), ("b", 1, 0), ("c", 4, 2)]);
}

#[test]
fn the_top_of_the_repository_holds_what_it_should() {
    let ignored = fs::read_to_string(repository().join(".gitignore")).unwrap_or_default();
    let is_ignored = |name: &str| {
        let patterns = ignored.lines().map(|line| line.trim_matches('/'));
        patterns.filter(|pattern| !pattern.is_empty()).any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        })
    };
    let names = fs::read_dir(repository()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let strange: Vec<_> = names.filter(|name| !TOP.contains(&name.as_str()) && !is_ignored(name)).collect();
    assert!(strange.is_empty(), "not at the top: {strange:?}");
}
