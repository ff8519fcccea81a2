//! rspamd's answer: JSON of which score and action must be there; what else is known is checked, the rest ignored.
//!
//! JSON has no NaN and no infinity, and a number that does not fit is an error of its reader.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use proto::{Points, PointsError, SpamScore, Symbol};

/// Longest answer, in bytes. It tells the links of a mail as well.
pub(super) const REPLY_BYTES_MAX: usize = 1024 * 1024;
/// Most rules of one mail.
const SYMBOLS_MAX: usize = 1_000;

/// The answer is not in the grammar.
#[derive(Debug, Error)]
pub(super) enum GrammarError {
    #[error("it has no length")]
    NoLength,
    #[error("it is no pong")]
    NoPong,
    #[error("it is no answer of rspamd")]
    Json(#[source] serde_json::Error),
    #[error("a score is no score")]
    Score(#[from] PointsError),
    #[error("it has more than {SYMBOLS_MAX} rules")]
    Symbols,
}

#[derive(Deserialize)]
struct Said {
    score: f64,
    /// Absent when rspamd rejects at no score.
    #[serde(default)]
    required_score: Option<f64>,
    action: String,
    #[serde(default)]
    symbols: BTreeMap<String, Rule>,
    #[serde(default)]
    milter: Milter,
}

#[derive(Deserialize)]
struct Rule {
    score: f64,
    /// With the limits of its group.
    #[serde(default)]
    metric_score: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Milter {
    #[serde(default)]
    add_headers: BTreeMap<String, Value>,
}

/// Reads the body of an answer.
pub(super) fn parse(body: &[u8]) -> Result<SpamScore, GrammarError> {
    let said: Said = serde_json::from_slice(body).map_err(GrammarError::Json)?;
    if said.symbols.len() > SYMBOLS_MAX {
        return Err(GrammarError::Symbols);
    }
    let symbol = |(name, rule): (String, Rule)| {
        let score = Points::from_f64(rule.metric_score.unwrap_or(rule.score))?;
        Ok(Symbol { name, score: Some(score) })
    };
    Ok(SpamScore {
        score: Points::from_f64(said.score)?,
        threshold: said.required_score.map(Points::from_f64).transpose()?,
        symbols: said.symbols.into_iter().map(symbol).collect::<Result<_, PointsError>>()?,
        action: Some(said.action),
        headers: said.milter.add_headers.iter().flat_map(|(name, value)| fields(name, value)).collect(),
        report: None,
    })
}

/// A field's value is a text, an object with a `value`, or a list of these; others are not kept.
fn fields(name: &str, value: &Value) -> Vec<(String, String)> {
    let values = match value {
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    };
    let text = |value: &Value| match value {
        Value::Object(object) => object.get("value").and_then(Value::as_str).map(str::to_owned),
        value => value.as_str().map(str::to_owned),
    };
    values.into_iter().filter_map(text).map(|text| (name.to_owned(), text)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(text: &str) -> Points {
        text.parse().unwrap()
    }

    /// As version 3.4 writes it.
    const GTUBE: &str = r#"{"is_skipped":true,"score":15.0,"required_score":15.0,"action":"reject","symbols":{"GTUBE":{"name":"GTUBE","score":0.0,"metric_score":0.0}},"messages":{"smtp_message":"Gtube pattern"},"message-id":"1@x","time_real":0.060981}"#;

    #[test]
    fn what_rspamd_says_is_read() {
        let said = parse(GTUBE.as_bytes()).unwrap();
        assert_eq!((said.score, said.threshold), (points("15"), Some(points("15"))));
        assert_eq!((said.action.as_deref(), said.symbols[0].name.as_str()), (Some("reject"), "GTUBE"));

        let more = br#"{"score":0.5,"action":"no action","symbols":{"A":{"score":2.0,"metric_score":0.5}},
            "milter":{"add_headers":{"X-A":"1","X-B":{"value":"2","order":0},"X-C":["3",{"value":"4"},5],"X-D":7},
            "remove_headers":{"X-E":0}}}"#;
        let said = parse(more).unwrap();
        assert_eq!(said.symbols, [Symbol { name: "A".into(), score: Some(points("0.5")) }]);
        let headers: Vec<_> = said.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(headers, ["X-A: 1", "X-B: 2", "X-C: 3", "X-C: 4"]);
    }

    #[test]
    fn everything_else_is_a_failure() {
        let with = |score: &str| format!(r#"{{"score":{score},"action":"no action"}}"#);
        let rules: Vec<_> = (0..=SYMBOLS_MAX).map(|n| format!(r#""R{n}":{{"score":0}}"#)).collect();
        assert!(parse(with("1").as_bytes()).is_ok());
        let cases = [
            String::new(),
            "pong".into(),
            "{}".into(),
            "[]".into(),
            with("NaN"),
            with("nan"),
            with("Infinity"),
            with("-inf"),
            with("1e400"),
            with("1e300"),
            with("-1000001"),
            with("\"1\""),
            with("null"),
            with("1") + "x",
            r#"{"score":1}"#.into(),
            r#"{"action":"reject"}"#.into(),
            r#"{"score":1,"score":2,"action":"x"}"#.into(),
            r#"{"score":1,"action":"x","required_score":1e400}"#.into(),
            r#"{"score":1,"action":"x","symbols":{"A":{"score":1e400}}}"#.into(),
            r#"{"score":1,"action":"x","symbols":{"A":{"score":1e300}}}"#.into(),
            r#"{"score":1,"action":"x","symbols":{"A":{}}}"#.into(),
            r#"{"error":"Cannot parse"}"#.into(),
            format!(r#"{{"score":1,"action":"x","symbols":{{{}}}}}"#, rules.join(",")),
            format!(
                r#"{{"score":1,"action":"x","milter":{{"add_headers":{{"X":{}{}}}}}}}"#,
                "[".repeat(10_000),
                "]".repeat(10_000)
            ),
        ];
        for body in cases {
            assert!(parse(body.as_bytes()).is_err(), "{body:.200}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0..GTUBE.len(), bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _result = parse(&bytes);
            let mut close = GTUBE.as_bytes().to_vec();
            close.splice(at.., bytes);
            let _result = parse(&close);
        }

        #[test]
        fn a_cut_answer_is_never_an_answer(end in 0..GTUBE.len()) {
            prop_assert!(parse(&GTUBE.as_bytes()[..end]).is_err());
        }
    }
}
