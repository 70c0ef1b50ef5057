//! docs/PARITY.md: the worst comparison of each case.

use std::fmt::Write;

use crate::cases::check::Row;
use crate::program::Run;

/// The comparisons of a case, by their worst.
pub struct Worst<'a> {
    row: &'a Row,
    count: usize,
}

impl Worst<'_> {
    pub fn line(&self) -> String {
        let Row {
            case,
            tensor,
            difference,
            ..
        } = self.row;
        format!(
            "{case:<28} {:>3} compared, worst {tensor}: {difference}",
            self.count
        )
    }
}

/// In the order in which the cases ran.
pub fn worst(rows: &[Row]) -> Vec<Worst<'_>> {
    let mut cases: Vec<Worst> = Vec::new();
    for row in rows {
        match cases.iter_mut().find(|worst| worst.row.case == row.case) {
            Some(worst) => {
                worst.count += 1;
                if row.share.is_nan() || row.share > worst.row.share {
                    worst.row = row;
                }
            }
            None => cases.push(Worst { row, count: 1 }),
        }
    }
    cases
}

pub fn markdown(runs: &[Run]) -> String {
    let mut text = String::from(HEAD);
    for run in runs {
        let rows = || run.groups.iter().flat_map(|(_, rows)| rows);
        let failed = rows().filter(|row| !row.passed).count();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n## {}\n\n{} comparisons, {failed} failed.\n",
            run.name,
            rows().count()
        );
        let _ = writeln!(
            text,
            "| dump | case | compared | worst | difference (limit) |\n| --- | --- | --- | --- | --- |"
        );
        for (group, rows) in &run.groups {
            for Worst { row, count } in worst(rows) {
                let Row {
                    case,
                    tensor,
                    difference,
                    ..
                } = row;
                // A prompt may hold what parts the cells of a table.
                let case = case.replace('|', "\\|");
                let _ = writeln!(
                    text,
                    "| {group} | {case} | {count} | {tensor} | {difference} |"
                );
            }
        }
    }
    text
}

const HEAD: &str = "# Parity with diffusers

Every case of the committed reference set (`tests/fixtures/reference`, dumped by diffusers in f32 on the CPU from two tiny
SDXL models with random weights), computed by this engine. Of each case the comparison that used most of its limit is
shown; limits stand in parentheses. rms is that of the difference, relative to that of the value; max is absolute.

Written by `cargo test --release --test reference -- --markdown docs/PARITY.md`.
`./build.sh check-reference DIR` makes the same comparison with another set.
";
