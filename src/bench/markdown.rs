//! A report as Markdown.

use super::report::{Network, Report};

/// Layers that are listed one by one; JSON has all.
const LISTED: usize = 12;

impl Report {
    /// Tables for people.
    pub fn to_markdown(&self) -> String {
        let Self {
            size,
            yardstick,
            linear,
            ..
        } = self;
        let adapter = match self.adapter.as_str() {
            "" => "a GPU without a name",
            name => name,
        };
        let features = match self.features.is_empty() {
            true => "none".to_owned(),
            false => self.features.join(", "),
        };
        let mut lines = vec![
            format!("## {} at {size}x{size} on {adapter}", self.model),
            String::new(),
            format!(
                "Weights in {}, synthetic. Medians of {}. Features: {features}. Largest tensor: {} MiB.",
                self.weights,
                self.repeats,
                self.largest_tensor >> 20
            ),
            format!(
                "Kernels chosen, compiled and tested in {:.0} ms. A launch costs {:.1} us of CPU. The yardstick, a plain product of \
                 matrices ({side}x{side}x{side}), reaches {} TFLOP/s; the linear kernel {} TFLOP/s of the same, with f16 weights.",
                self.compile_ms,
                self.launch_us,
                significant(yardstick.tflops),
                significant(linear.tflops),
                side = yardstick.side
            ),
            String::new(),
            "| network | activations | weights | load | first forward | forward | step with guidance | TFLOP/s | of the \
             yardstick | CPU | GPU memory |"
                .into(),
            "|---|---|---|---|---|---|---|---|---|---|---|".into(),
        ];
        lines.extend(self.networks.iter().map(|network| self.row(network)));
        for network in &self.networks {
            lines.push(String::new());
            lines.extend(self.taken_apart(network));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn row(&self, network: &Network) -> String {
        let step = network.step_ms.map_or("".into(), ms);
        let memory = network.gpu_bytes.map_or("unknown".into(), mebibytes);
        format!(
            "| {}{} | {} | {} | {} | {} | {} | {step} | {} | {} | {} | {memory} |",
            network.name.as_str(),
            if network.finite { "" } else { " (NOT FINITE)" },
            network.precision,
            mebibytes(network.weight_bytes),
            ms(network.load_ms),
            ms(network.first_ms),
            ms(network.forward_ms),
            significant(network.tflops()),
            self.share(network.tflops()),
            ms(network.order_ms),
        )
    }

    /// The kinds of kernels, then the slowest layers.
    fn taken_apart(&self, network: &Network) -> Vec<String> {
        let of = match network.step_ms {
            Some(_) => "a step with guidance",
            None => "a picture",
        };
        let mut lines = vec![
            format!("### {}: {of}", network.name.as_str()),
            String::new(),
            "| kernel | layers | work | time | rate | of the yardstick |".into(),
            "|---|---|---|---|---|---|".into(),
        ];
        let row = |name: &str, count, gflop, gigabytes, time| {
            let (work, rate, share) = match gigabytes > 0.0 {
                true => (
                    format!("{} GB", significant(gigabytes)),
                    format!("{} GB/s", significant(gigabytes / time * 1e3)),
                    String::new(),
                ),
                false => (
                    format!("{} GFLOP", significant(gflop)),
                    format!("{} TFLOP/s", significant(gflop / time)),
                    self.share(gflop / time),
                ),
            };
            format!(
                "| {name} | {count} | {work} | {} | {rate} | {share} |",
                ms(time)
            )
        };
        let kinds = network.kinds();
        for kind in kinds.iter().filter(|kind| kind.count > 0) {
            let name = kind.kind.to_string();
            lines.push(row(&name, kind.count, kind.gflop, kind.gigabytes, kind.ms));
        }
        let known: f64 = kinds.iter().map(|kind| kind.ms).sum();
        lines.push(format!(
            "| everything else, and overlap | | | {} | | |",
            ms(network.ms() - known)
        ));
        let heading = "| slowest layers | count | work | time | rate | of the yardstick |";
        lines.extend([
            String::new(),
            heading.into(),
            "|---|---|---|---|---|---|".into(),
        ]);
        for layer in network.layers.iter().take(LISTED) {
            lines.push(row(
                &layer.layer,
                layer.count,
                layer.gflop,
                layer.gigabytes,
                layer.ms,
            ));
        }
        lines
    }

    fn share(&self, tflops: f64) -> String {
        format!("{:.0} %", 100.0 * tflops / self.yardstick.tflops)
    }
}

fn ms(ms: f64) -> String {
    format!("{} ms", significant(ms))
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// Three digits that mean something.
fn significant(number: f64) -> String {
    let digits = match number.abs() {
        0.0 => 0,
        size => (2 - size.log10().floor() as i32).clamp(0, 6) as usize,
    };
    format!("{number:.digits$}")
}
