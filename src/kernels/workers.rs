//! What a kernel over rows of channels is put together with: how many channels an invocation takes at once, and how many
//! invocations take a row.

use super::tuning::tuning;

/// One of the ways, and what sets it apart.
pub(super) struct Way {
    pub name: &'static str,
    pub source: &'static str,
}

/// Four channels at a time if there are a multiple of four in a row, else one: quads.wgsl, singles.wgsl.
pub(super) fn lanes(channels: usize) -> (Way, usize) {
    match channels.is_multiple_of(4) {
        true => {
            let source = include_str!("quads.wgsl");
            (
                Way {
                    name: "quads",
                    source,
                },
                4,
            )
        }
        false => {
            let source = include_str!("singles.wgsl");
            (
                Way {
                    name: "singles",
                    source,
                },
                1,
            )
        }
    }
}

/// The threads of a workgroup share one row, or each has one to itself, and a workgroup so many:
/// workgroup_total.wgsl, thread_total.wgsl.
pub(super) fn workers() -> (Way, usize) {
    match tuning().shared {
        true => {
            let source = include_str!("workgroup_total.wgsl");
            (
                Way {
                    name: "shared",
                    source,
                },
                1,
            )
        }
        false => {
            let source = include_str!("thread_total.wgsl");
            (
                Way {
                    name: "alone",
                    source,
                },
                16,
            )
        }
    }
}
