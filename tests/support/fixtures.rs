//! The recorded requests of real clients (`tests/fixtures/clients`), with their bodies as the bytes of the file.

use std::path::PathBuf;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::Request;

/// One recorded request.
pub struct Fixture {
    /// File name without ending.
    pub name: String,
    /// The request, headers in the client's own order and spelling.
    pub request: Request,
}

#[derive(Deserialize)]
struct File<'a> {
    method: String,
    path: String,
    #[serde(borrow)]
    headers: &'a RawValue,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// All recorded requests, by file name.
pub fn all() -> Vec<Fixture> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clients");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    paths.sort();
    paths.into_iter().map(load).collect()
}

/// The recorded POSTs.
pub fn posts() -> Vec<Fixture> {
    all().into_iter().filter(|fixture| fixture.request.method == "POST").collect()
}

/// One recorded request.
pub fn named(name: &str) -> Fixture {
    all().into_iter().find(|fixture| fixture.name == name).expect("a fixture of this name")
}

fn load(path: PathBuf) -> Fixture {
    let text = std::fs::read_to_string(&path).unwrap();
    let file: File<'_> = serde_json::from_str(&text).unwrap();
    let body = file.body.map_or(Bytes::new(), |body| Bytes::from(body.get().to_owned()));
    let headers = ordered(file.headers.get());
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    Fixture {
        name,
        request: Request { method: file.method, target: file.path, headers, body, chunks_of: None },
    }
}

/// Members of a JSON object of strings in the order of the text.
fn ordered(object: &str) -> Vec<(String, String)> {
    struct Pairs(Vec<(String, String)>);
    impl<'de> Deserialize<'de> for Pairs {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(PairVisitor).map(Self)
        }
    }
    struct PairVisitor;
    impl<'de> serde::de::Visitor<'de> for PairVisitor {
        type Value = Vec<(String, String)>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of strings")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    serde_json::from_str::<Pairs>(object).unwrap().0
}

/// Where the value of the top-level `model` stands in a body, quotes included; found apart from the proxy's reading.
pub fn model_span(body: &[u8]) -> Option<std::ops::Range<usize>> {
    #[derive(Deserialize)]
    struct Top<'a> {
        #[serde(borrow)]
        model: Option<&'a RawValue>,
    }
    let top: Top<'_> = serde_json::from_slice(body).ok()?;
    let model = top.model?.get();
    let start = model.as_ptr() as usize - body.as_ptr() as usize;
    Some(start..start + model.len())
}
