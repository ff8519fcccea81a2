//! The table as the documents hold it.

use crate::row::Line;

pub(crate) fn of(lines: &[Line]) -> String {
    let mut rows = vec![
        "| Row | Fault | Client saw at first | Copies | Extra (allowed) | In doubt | Lost | Answered after | Normal after |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    rows.extend(lines.iter().map(row));
    rows.join("\n") + "\n"
}

fn row(line: &Line) -> String {
    let Some(outcome) = &line.outcome else {
        return format!("| {} | {} | failed | | | | | | |", line.id, line.what);
    };
    format!(
        "| {} | {} | {} | {} | {} ({}) | {} | {} | {:.1} s | {:.1} s |",
        line.id,
        line.what,
        outcome.saw,
        outcome.copies,
        outcome.report.duplicate.len(),
        line.extra_max,
        outcome.doubts,
        outcome.report.lost.len(),
        outcome.answered_after.as_secs_f64(),
        outcome.normal_after.as_secs_f64()
    )
}
