//! Packing a checkpoint in the browser: the worker reads and stores, this says what to read and makes shards of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::{bad_request, into_js, to_js};
use crate::weights::files::{FileFacts, Files, Location};
use crate::weights::manifest::ShardEntry;
use crate::weights::plan::{Plan, Source};
use crate::weights::recipe::{Recipe, Variant};
use crate::weights::unit::UnitBuffer;
use crate::weights::{ComponentName, Encoding, Kind};
use crate::{Error, Result};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A folder of files, read in ranges. */
export interface Files {
  name(path: string): string;
  /** `null` where there is no such file. */
  facts(path: string): Promise<{ length: number; version: string } | null>;
  readWhole(path: string): Promise<Uint8Array | null>;
  read(path: string, start: number, end: number): Promise<Uint8Array>;
}
/** A diffusers folder, or one safetensors file of a folder. */
export interface Location { files: Files; file: string | null; }
export interface Ingredients {
  checkpoint: Location;
  configs: Files | null;
  tokenizer: Files | null;
  vae: Location | null;
}
export interface PackingOptions { kind: "base" | "refiner"; name: string; scheme: string; components: string[] | null; }
export interface PackingPlan {
  kind: "base" | "refiner";
  /** The same for plans that make the same shards of the same files. */
  fingerprint: string;
  sources: { files: Files; path: string }[];
  units: { component: string; shards: { file: string; length: number }[]; reads: { source: number; start: number; end: number }[] }[];
}
"#;

/// A checkpoint that is being packed.
#[wasm_bindgen]
pub struct Packing {
    plan: Plan<PageFiles>,
    open: HashMap<usize, UnitBuffer>,
}

#[wasm_bindgen]
impl Packing {
    /// Reads configs and headers; what cannot be packed is refused here.
    pub async fn create(
        #[wasm_bindgen(unchecked_param_type = "PackingOptions")] options: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Ingredients")] ingredients: JsValue,
    ) -> std::result::Result<Packing, JsValue> {
        let PackingOptions {
            kind,
            name,
            scheme,
            components,
        } = serde_wasm_bindgen::from_value(options)
            .map_err(|error| bad_request("options", &error.to_string()))?;
        let thrown = Thrown::default();
        let files = |value: JsValue| (!value.is_null()).then(|| PageFiles::new(value, &thrown));
        let location = |value: JsValue| match value.is_null() {
            true => Ok::<_, JsValue>(None),
            false => Ok(Some(Location {
                files: PageFiles::new(Reflect::get(&value, &"files".into())?, &thrown),
                file: Reflect::get(&value, &"file".into())?.as_string(),
            })),
        };
        let get = |name: &str| Reflect::get(&ingredients, &name.into());
        let Some(checkpoint) = location(get("checkpoint")?)? else {
            return Err(bad_request("checkpoint", "is missing"));
        };
        let recipe = Recipe {
            checkpoint,
            kind: Some(kind),
            name,
            scheme,
            // Quantized, it makes no difference that is worth twice the bytes.
            variant: Variant::Fp16,
            components,
            configs: files(get("configs")?),
            tokenizer: files(get("tokenizer")?),
            vae: location(get("vae")?)?,
            text_encoders: None,
        };
        let plan = Plan::make(&recipe).await.map_err(|error| {
            // What the page threw says more than that it threw.
            thrown.take().unwrap_or_else(|| into_js(error))
        })?;
        Ok(Self {
            plan,
            open: HashMap::new(),
        })
    }

    /// What to read, and which shards are made of it.
    #[wasm_bindgen(getter, unchecked_return_type = "PackingPlan")]
    pub fn plan(&self) -> std::result::Result<JsValue, JsValue> {
        let units = self.plan.units().iter().map(|unit| UnitFacts {
            component: unit.component.as_str(),
            shards: self.plan.shards(unit).iter().map(ShardFacts::of).collect(),
            reads: unit.reads.iter().map(ReadFacts::of).collect(),
        });
        let plan = to_js(&PlanFacts {
            kind: self.plan.manifest().kind,
            fingerprint: self.plan.fingerprint(),
            units: units.collect(),
        })?;
        let source = |source: &Source<PageFiles>| {
            let object = Object::new();
            Reflect::set(&object, &"files".into(), &source.files.page)?;
            Reflect::set(&object, &"path".into(), &source.path.as_str().into())?;
            Ok::<_, JsValue>(object)
        };
        let sources = self.plan.sources().iter().map(source);
        let sources = sources.collect::<std::result::Result<Array, JsValue>>()?;
        Reflect::set(&plan, &"sources".into(), &sources)?;
        Ok(plan)
    }

    /// Takes the bytes of a unit's read.
    pub fn accept(
        &mut self,
        unit: usize,
        read: usize,
        bytes: &[u8],
    ) -> std::result::Result<(), JsValue> {
        let planned = &self.plan.units()[unit];
        let buffer = self.open.entry(unit);
        let buffer = buffer.or_insert_with(|| UnitBuffer::new(planned));
        buffer
            .accept(&self.plan, planned, read, bytes)
            .map_err(into_js)
    }

    /// The shards of a unit of which all reads were accepted.
    #[wasm_bindgen(unchecked_return_type = "Uint8Array[]")]
    pub fn finish(&mut self, unit: usize) -> Array {
        let planned = &self.plan.units()[unit];
        let buffer = self.open.remove(&unit);
        let bytes = buffer.unwrap_or_else(|| UnitBuffer::new(planned)).finish();
        let mut rest = &bytes[..];
        let shards = planned.lengths.iter().map(|&length| {
            let (shard, after) = rest.split_at(length as usize);
            rest = after;
            Uint8Array::from(shard)
        });
        shards.collect()
    }

    /// The manifest, of shards that were stored: one for each of the plan's, in its order.
    #[wasm_bindgen(unchecked_return_type = "object")]
    pub fn manifest(
        &self,
        #[wasm_bindgen(unchecked_param_type = "object[]")] shards: JsValue,
    ) -> std::result::Result<JsValue, JsValue> {
        let shards: Vec<ShardEntry> = serde_wasm_bindgen::from_value(shards)
            .map_err(|error| bad_request("shards", &error.to_string()))?;
        to_js(&self.plan.manifest_of(shards))
    }
}

#[derive(Deserialize)]
struct PackingOptions {
    kind: Kind,
    name: String,
    scheme: Encoding,
    components: Option<Vec<ComponentName>>,
}

#[derive(Serialize)]
struct PlanFacts<'a> {
    kind: Kind,
    fingerprint: &'a str,
    units: Vec<UnitFacts<'a>>,
}

#[derive(Serialize)]
struct UnitFacts<'a> {
    component: &'a str,
    shards: Vec<ShardFacts<'a>>,
    reads: Vec<ReadFacts>,
}

#[derive(Serialize)]
struct ShardFacts<'a> {
    file: &'a str,
    length: u64,
}

#[derive(Serialize)]
struct ReadFacts {
    source: usize,
    start: u64,
    end: u64,
}

impl<'a> ShardFacts<'a> {
    fn of(shard: &'a ShardEntry) -> Self {
        Self {
            file: &shard.file,
            length: shard.length,
        }
    }
}

impl ReadFacts {
    fn of(read: &crate::weights::plan::Read) -> Self {
        Self {
            source: read.source,
            start: read.range.start,
            end: read.range.end,
        }
    }
}

/// What the page's code threw last, which an [`Error`] cannot carry.
type Thrown = Rc<RefCell<Option<JsValue>>>;

#[wasm_bindgen]
extern "C" {
    type JsFiles;

    #[wasm_bindgen(method, js_name = name)]
    fn name_of(this: &JsFiles, path: &str) -> String;

    #[wasm_bindgen(method, catch, js_name = facts)]
    async fn facts_of(this: &JsFiles, path: &str) -> std::result::Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = readWhole)]
    async fn whole(this: &JsFiles, path: &str) -> std::result::Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = read)]
    async fn range(
        this: &JsFiles,
        path: &str,
        start: f64,
        end: f64,
    ) -> std::result::Result<JsValue, JsValue>;
}

struct PageFiles {
    page: JsFiles,
    thrown: Thrown,
}

impl PageFiles {
    fn new(page: JsValue, thrown: &Thrown) -> Rc<Self> {
        Rc::new(Self {
            page: page.unchecked_into(),
            thrown: Rc::clone(thrown),
        })
    }

    fn refuse(&self, path: &str, thrown: JsValue) -> Error {
        self.thrown.replace(Some(thrown));
        Error::Io {
            action: "read",
            path: self.name(path),
            source: io::ErrorKind::Other.into(),
        }
    }
}

impl Files for PageFiles {
    async fn facts(&self, path: &str) -> Result<Option<FileFacts>> {
        #[derive(Deserialize)]
        struct JsFacts {
            length: u64,
            version: String,
        }
        let facts = self.page.facts_of(path).await;
        let facts = facts.map_err(|thrown| self.refuse(path, thrown))?;
        let facts: Option<JsFacts> = serde_wasm_bindgen::from_value(facts)
            .map_err(|error| self.refuse(path, error.into()))?;
        Ok(facts.map(|JsFacts { length, version }| FileFacts { length, version }))
    }

    async fn read_whole(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let bytes = self.page.whole(path).await;
        let bytes = bytes.map_err(|thrown| self.refuse(path, thrown))?;
        Ok((!bytes.is_null()).then(|| Uint8Array::new(&bytes).to_vec()))
    }

    async fn read(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let bytes = self.page.range(path, range.start as f64, range.end as f64);
        let bytes = bytes.await.map_err(|thrown| self.refuse(path, thrown))?;
        Ok(Uint8Array::new(&bytes).to_vec())
    }

    fn name(&self, path: &str) -> String {
        self.page.name_of(path)
    }
}
