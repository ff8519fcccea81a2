//! The scores of all spam scanners together: what they make of a mail, and how it is marked.
//!
//! The words and levels are those of amavis: at `tag` a mail gets header fields, at `tag2` it is spammy, at `kill` it
//! is spam.

use proto::{Category, Finding, HeaderEdit, Points, SpamResult, SpamScore};

use crate::text::printable;

/// The name of the sum in findings.
const CHECK: &str = "spam";
/// Most stars in `X-Spam-Level`.
const STARS_MAX: u64 = 64;
/// Most bytes of the rules in `X-Spam-Status`.
const TESTS_BYTES_MAX: usize = 800;
/// Rules, header fields and bytes of a report that are kept of one scanner.
const KEPT_MAX: usize = 100;
const REPORT_BYTES_MAX: usize = 4096;

/// The fields that speak of spam. Whoever else wrote them could make spam look like none.
const FIELDS: [&str; 6] = [
    "X-Spam-Flag",
    "X-Spam-Score",
    "X-Spam-Level",
    "X-Spam-Status",
    "X-Spam-Report",
    "X-Spam-Checker-Version",
];

/// From which score on something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// Header fields are added. Default: 2.
    pub tag: Points,
    /// It is spammy. Default: 6.2.
    pub tag2: Points,
    /// It is spam. Default: 6.9.
    pub kill: Points,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            tag: Points::from_thousandths(2_000),
            tag2: Points::from_thousandths(6_200),
            kill: Points::from_thousandths(6_900),
        }
    }
}

/// What was said of one mail.
#[derive(Debug, Default)]
pub(crate) struct Spam {
    results: Vec<SpamResult>,
    total: Points,
}

impl Spam {
    /// Adds what a scanner said; `factor` weighs its score.
    pub(crate) fn add(&mut self, check: &str, result: SpamScore, factor: Points) {
        self.total = self.total.plus(result.score.times(factor));
        self.results.push(SpamResult { check: check.to_owned(), result: bounded(result) });
    }

    /// Whether anybody gave a score, and then the sum.
    pub(crate) fn total(&self) -> Option<Points> {
        (!self.results.is_empty()).then_some(self.total)
    }

    /// What the sum means.
    pub(crate) fn finding(&self, levels: &Levels) -> Option<Finding> {
        let total = self.total()?;
        let category = if total >= levels.kill {
            Category::Spam
        } else if total >= levels.tag2 {
            Category::Spammy
        } else {
            return None;
        };
        Some(Finding { check: CHECK.into(), category, name: format!("score={total}") })
    }

    /// The header fields of a delivered mail, and those of others that are taken out.
    pub(crate) fn marks(&self, levels: &Levels) -> Vec<HeaderEdit> {
        let prepend = |name: &str, value: String| HeaderEdit::Prepend { name: name.into(), value };
        let mut edits = Vec::new();
        if let Some(total) = self.total().filter(|total| *total >= levels.tag) {
            let is_spammy = total >= levels.tag2;
            edits.push(prepend("X-Spam-Flag", if is_spammy { "YES" } else { "NO" }.into()));
            edits.push(prepend("X-Spam-Score", total.to_string()));
            if total.whole() > 0 {
                let stars = usize::try_from(total.whole().min(STARS_MAX)).unwrap_or(0);
                edits.push(prepend("X-Spam-Level", "*".repeat(stars)));
            }
            edits.push(prepend("X-Spam-Status", self.status(total, levels)));
        }
        edits.extend(FIELDS.map(|name| HeaderEdit::Strip { name: name.into() }));
        edits
    }

    fn status(&self, total: Points, levels: &Levels) -> String {
        let word = if total >= levels.tag2 { "Yes" } else { "No" };
        let Levels { tag, tag2, kill } = levels;
        let mut tests = String::new();
        for symbol in self.results.iter().flat_map(|one| &one.result.symbols) {
            let gap = if tests.is_empty() { "" } else { ", " };
            let test = match symbol.score {
                Some(score) => format!("{gap}{}={score}", symbol.name),
                None => format!("{gap}{}", symbol.name),
            };
            if tests.len() + test.len() > TESTS_BYTES_MAX {
                tests.push_str(", ...");
                break;
            }
            tests.push_str(&test);
        }
        format!("{word}, score={total} tag={tag} tag2={tag2} kill={kill} tests=[{tests}]")
    }

    /// Everything that was said.
    pub(crate) fn into_results(self) -> Vec<SpamResult> {
        self.results
    }
}

/// Printable, and no more than is useful: it travels with the verdict.
fn bounded(mut result: SpamScore) -> SpamScore {
    result.symbols.truncate(KEPT_MAX);
    for symbol in &mut result.symbols {
        symbol.name = printable(&symbol.name);
    }
    result.headers.truncate(KEPT_MAX);
    for (name, value) in &mut result.headers {
        (*name, *value) = (printable(name), printable(value));
    }
    result.action = result.action.map(|action| printable(&action));
    result.report = result.report.map(|report| {
        let mut lines = String::new();
        for line in report.lines() {
            let line = printable(line);
            if lines.len() + line.len() >= REPORT_BYTES_MAX {
                break;
            }
            lines.push_str(&line);
            lines.push('\n');
        }
        lines
    });
    result
}

#[cfg(test)]
mod tests {
    use proto::Symbol;

    use super::*;

    fn points(text: &str) -> Points {
        text.parse().unwrap()
    }

    fn spam(score: &str, symbols: &[(&str, Option<&str>)]) -> Spam {
        let symbol =
            |&(name, score): &(&str, Option<&str>)| Symbol { name: name.into(), score: score.map(points) };
        let symbols = symbols.iter().map(symbol).collect();
        let mut spam = Spam::default();
        spam.add("spamd", SpamScore { score: points(score), symbols, ..SpamScore::default() }, Points::ONE);
        spam
    }

    fn added(spam: &Spam) -> Vec<String> {
        let edits = spam.marks(&Levels::default());
        let (strips, adds): (Vec<_>, Vec<_>) =
            edits.iter().partition(|edit| matches!(edit, HeaderEdit::Strip { .. }));
        assert_eq!(strips.len(), FIELDS.len());
        let line = |edit: &HeaderEdit| match edit {
            HeaderEdit::Prepend { name, value } => format!("{name}: {value}"),
            HeaderEdit::Strip { name } => name.clone(),
        };
        adds.into_iter().map(line).collect()
    }

    #[test]
    fn each_level_at_both_sides() {
        for (score, category, fields) in [
            ("-5", None, 0),
            ("1.999", None, 0),
            ("2", None, 4),
            ("6.199", None, 4),
            ("6.2", Some(Category::Spammy), 4),
            ("6.899", Some(Category::Spammy), 4),
            ("6.9", Some(Category::Spam), 4),
        ] {
            let spam = spam(score, &[]);
            let found = spam.finding(&Levels::default());
            assert_eq!(found.map(|finding| finding.category), category, "{score}");
            assert_eq!(added(&spam).len(), fields, "{score}");
        }
    }

    #[test]
    fn the_fields_are_those_of_amavis() {
        let spam = spam("7.25", &[("GTUBE", None), ("MID", Some("0.5"))]);
        let expected = [
            "X-Spam-Flag: YES",
            "X-Spam-Score: 7.25",
            "X-Spam-Level: *******",
            "X-Spam-Status: Yes, score=7.25 tag=2 tag2=6.2 kill=6.9 tests=[GTUBE, MID=0.5]",
        ];
        assert_eq!(added(&spam), expected);
    }

    #[test]
    fn several_scanners_are_weighted_and_added_up() {
        let mut sum = spam("4", &[]);
        let other = SpamScore { score: points("10"), ..SpamScore::default() };
        sum.add("rspamd", other, points("0.3"));
        assert_eq!(sum.total(), Some(points("7")));
        assert_eq!(sum.finding(&Levels::default()).unwrap().name, "score=7");
        assert_eq!(sum.into_results().len(), 2);
        assert_eq!(Spam::default().total(), None);
        assert!(Spam::default().finding(&Levels::default()).is_none());
    }

    #[test]
    fn whatever_a_scanner_says_stays_short_and_printable() {
        let evil = "x\r\nX-Evil: 1\r\n\r\n".to_owned() + &"y".repeat(1_000);
        let symbol = Symbol { name: evil.clone(), score: Some(Points::ONE) };
        let mut spam = Spam::default();
        let said = SpamScore {
            score: points("50"),
            symbols: vec![symbol; 10_000],
            action: Some(evil.clone()),
            headers: vec![(evil.clone(), evil.clone()); 10_000],
            report: Some(evil.repeat(10_000)),
            threshold: None,
        };
        spam.add("x", said, Points::ONE);
        for line in added(&spam) {
            assert!(line.len() < 1_000 && !line.bytes().any(|byte| byte.is_ascii_control()), "{line}");
        }
        let [SpamResult { result, .. }] = spam.into_results().try_into().unwrap();
        assert_eq!((result.symbols.len(), result.headers.len()), (KEPT_MAX, KEPT_MAX));
        assert!(result.report.unwrap().len() <= REPORT_BYTES_MAX);
        assert!(result.action.unwrap().len() < 200);
    }
}
