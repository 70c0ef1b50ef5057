//! The bench for the page `www/bench.html`, and the forecast for the page itself.

use js_sys::{Function, JSON};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::observer::JsObserver;
use super::{bad_request, into_js, known_tuning, open_gpu, seconds, to_js};
use crate::Error;
use crate::bench::{self, Configs, Host, Options, Plan, Report};
use crate::pipeline::{Event, Observer};
use crate::weights::Encoding;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface BenchRequest {
  options: { size: number; weights: string; f16: boolean; only: string | null; repeats: number; adapter: string | null };
  /** Of another model than SDXL 1.0. */
  configs: { name: string; unet: object; refiner: object | null; vae: object; scheduler: object } | null;
}
export interface ForecastPlan { size: number; weights: string; tuning: object | null; memory: number | null; }
export interface Forecast { baseStep: number; refinerStep: number | null; decode: number; memory: number; tuning: object; }
export interface Bytes { read: number; stored: number; }
export interface BenchResult { report: any; markdown: string; }
"#;

/// Measures this worker's GPU (see `bench/mod.rs`), tells `on_event` how it goes on, and stops between measurements when
/// `signal` is aborted. `take_peak` gives the most bytes of GPU buffers since it was last called.
#[wasm_bindgen(js_name = bench, unchecked_return_type = "BenchResult")]
pub async fn run_bench(
    #[wasm_bindgen(unchecked_param_type = "BenchRequest")] request: JsValue,
    #[wasm_bindgen(js_name = onEvent)] on_event: Function,
    #[wasm_bindgen(js_name = takePeak)] take_peak: Function,
    signal: AbortSignal,
) -> Result<JsValue, JsValue> {
    let json = String::from(JSON::stringify(&request)?);
    let BenchRequest { options, configs } = serde_json::from_str(&json).map_err(|error| {
        into_js(Error::BadRequest {
            field: "request",
            problem: error.to_string(),
        })
    })?;
    let configs = match configs {
        Some(configs) => configs,
        None => Configs::published().map_err(into_js)?,
    };
    let gpu = open_gpu().await.map_err(into_js)?;
    let mut host = JsHost {
        observer: JsObserver::new(on_event, signal),
        take_peak: Some(take_peak),
    };
    let report = bench::run(&configs, &gpu, &options, &mut host)
        .await
        .map_err(into_js)?;
    let markdown = report.to_markdown();
    to_js(&BenchResult { report, markdown })
}

/// What SDXL 1.0 would take on this worker's GPU (see `bench/forecast.rs`), measured in seconds.
#[wasm_bindgen(js_name = forecast, unchecked_return_type = "Forecast")]
pub async fn run_forecast(
    #[wasm_bindgen(unchecked_param_type = "ForecastPlan")] plan: JsValue,
    #[wasm_bindgen(js_name = onEvent)] on_event: Function,
    signal: AbortSignal,
) -> Result<JsValue, JsValue> {
    let ForecastPlan {
        size,
        weights,
        tuning,
        memory,
    } = serde_wasm_bindgen::from_value(plan)
        .map_err(|error| bad_request("plan", &error.to_string()))?;
    let plan = Plan {
        size,
        weights,
        tuning: known_tuning(tuning),
        memory: memory.map(|bytes| bytes as u64),
    };
    let configs = Configs::published().map_err(into_js)?;
    let gpu = open_gpu().await.map_err(into_js)?;
    let mut host = JsHost {
        observer: JsObserver::new(on_event, signal),
        take_peak: None,
    };
    let forecast = bench::forecast(&configs, &gpu, &plan, &mut host).await;
    to_js(&forecast.map_err(into_js)?)
}

/// Bytes that are read and stored of SDXL 1.0's base, then of its refiner.
#[wasm_bindgen(js_name = sizes, unchecked_return_type = "Bytes[]")]
pub fn sizes(scheme: &str) -> Result<JsValue, JsValue> {
    let scheme = serde_json::from_value(scheme.into())
        .map_err(|error| bad_request("scheme", &error.to_string()))?;
    to_js(&bench::sizes(scheme).map_err(into_js)?)
}

#[derive(Deserialize)]
struct ForecastPlan {
    size: usize,
    weights: Encoding,
    tuning: serde_json::Value,
    memory: Option<f64>,
}

#[derive(Deserialize)]
struct BenchRequest {
    options: Options,
    configs: Option<Configs>,
}

#[derive(Serialize)]
struct BenchResult {
    report: Report,
    markdown: String,
}

/// An event that only the bench has.
#[derive(Serialize)]
#[serde(tag = "type", rename = "bench")]
struct Measuring<'a> {
    what: &'a str,
    index: usize,
    count: usize,
}

struct JsHost {
    observer: JsObserver,
    take_peak: Option<Function>,
}

impl Observer for JsHost {
    fn event(&mut self, event: Event) {
        self.observer.event(event);
    }

    fn is_cancelled(&self) -> bool {
        self.observer.is_cancelled()
    }
}

impl Host for JsHost {
    fn seconds(&self) -> f64 {
        seconds()
    }

    fn gpu_bytes(&mut self) -> Option<u64> {
        let peak = self.take_peak.as_ref()?.call0(&JsValue::NULL);
        let peak = peak.ok()?.as_f64()?;
        Some(peak as u64)
    }

    fn measuring(&mut self, what: &str, index: usize, count: usize) {
        self.observer.tell(&Measuring { what, index, count });
    }
}
