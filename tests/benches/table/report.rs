//! The table: one line per cell, with its ratio to the row "direct" of the same size and connections.

use std::collections::BTreeMap;

/// What one run of the load generator and the process accounting gave.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) system: &'static str,
    pub(crate) checks: &'static str,
    pub(crate) size: &'static str,
    pub(crate) connections: u32,
    pub(crate) rate: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// CPU milliseconds per mail, by role.
    pub(crate) cpu_ms: Vec<(&'static str, f64)>,
    /// Peak memory in MiB, by role.
    pub(crate) peak_mib: Vec<(&'static str, f64)>,
}

/// Markdown, one section per size.
pub(crate) fn markdown(cells: &[Cell]) -> String {
    let direct: BTreeMap<_, _> = cells
        .iter()
        .filter(|cell| cell.system == "direct")
        .map(|cell| ((cell.size, cell.connections), cell.rate))
        .collect();
    let mut out = String::from(
        "| size | connections | system | checks | mails/s | × direct | p50 ms | p99 ms | CPU ms per mail | peak MiB |\n\
         |---|--:|---|---|--:|--:|--:|--:|---|---|\n",
    );
    for cell in cells {
        let ratio = direct.get(&(cell.size, cell.connections)).map_or(f64::NAN, |direct| cell.rate / direct);
        let line = format!(
            "| {} | {} | {} | {} | {:.0} | {ratio:.2} | {:.2} | {:.2} | {} | {} |",
            cell.size,
            cell.connections,
            cell.system,
            cell.checks,
            cell.rate,
            cell.p50_ms,
            cell.p99_ms,
            by_role(&cell.cpu_ms, 2),
            by_role(&cell.peak_mib, 0),
        );
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn by_role(values: &[(&'static str, f64)], digits: usize) -> String {
    values.iter().map(|(role, value)| format!("{role} {value:.digits$}")).collect::<Vec<_>>().join(", ")
}

/// The one in the middle; of two the upper.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
