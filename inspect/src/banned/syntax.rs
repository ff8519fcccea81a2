//! Reads one rule: `ban extension exe com`, `allow path T=zip > N=*.pdf  # invoices`, `ban qr'^\.(exe-ms)$'i`.
//!
//! A rule is a line, so that it is a text in a configuration file, and complaints name a character of it. Deliberately
//! absent: what the words mean together ([`super::compile`]).

use super::error::{Fault, Why};
use super::lexer::{Lexer, Token};
use super::node::Attributes;
use super::perl;

/// What a rule does when it is the first that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Ban,
    Allow,
}

/// A rule as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// All rules of another set.
    Use(String),
    Rule {
        action: Action,
        test: Asked,
        /// Shown where the rule bans something.
        label: Option<String>,
    },
}

/// What it asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Any of these extensions, in lower case.
    Extensions(Vec<String>),
    DoubleExtensions(Vec<String>),
    /// Any of these patterns.
    Fields(Key, Vec<String>),
    /// Perl's, translated: on each short form of each node.
    Regex(String),
    /// On the whole path as one text.
    PathRegex(String),
    Path(Vec<Step>),
}

/// amavis' fields of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Part,
    Level,
    Mime,
    Type,
    Name,
    Attribute,
}

/// One node of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Right below the one before, and not anywhere below.
    pub(super) is_direct: bool,
    /// All must hold; of the alternatives of each any.
    pub(super) conditions: Vec<(Key, Vec<String>)>,
}

/// Reads a rule.
pub(super) fn parse(text: &str) -> Result<Written, Fault> {
    let mut lexer = Lexer::new(text);
    let (at, word) = lexer.word();
    let action = match word {
        "ban" => Action::Ban,
        "allow" => Action::Allow,
        "use" => {
            let set = one_value(&mut lexer)?;
            finish(&mut lexer)?;
            return Ok(Written::Use(set));
        }
        other => return Err(Fault::new(text, at, Why::Action(other.to_owned()))),
    };
    let (test, comment) = test(text, &mut lexer)?;
    let label = finish(&mut lexer)?.or(comment);
    Ok(Written::Rule { action, test, label })
}

/// The test, and the comment in its regular expression.
fn test(text: &str, lexer: &mut Lexer<'_>) -> Result<(Asked, Option<String>), Fault> {
    if let Some(regex) = lexer.regex()? {
        let translated = perl::translate(text, &regex)?;
        return Ok((Asked::Regex(translated.pattern), translated.comment));
    }
    let (at, word) = lexer.word();
    let asked = match word {
        "extension" => Asked::Extensions(extensions(text, lexer)?),
        "double_extension" => Asked::DoubleExtensions(extensions(text, lexer)?),
        "mime" => Asked::Fields(Key::Mime, flat(values(lexer)?)),
        "type" => Asked::Fields(Key::Type, undotted(flat(values(lexer)?))),
        "name" => Asked::Fields(Key::Name, flat(values(lexer)?)),
        "attribute" => {
            let tokens = values(lexer)?;
            tokens.iter().try_for_each(|token| check_letters(text, token.at, &token.alternatives))?;
            Asked::Fields(Key::Attribute, flat(tokens))
        }
        "path" => {
            if let Some(regex) = lexer.regex()? {
                let translated = perl::translate(text, &regex)?;
                return Ok((Asked::PathRegex(translated.pattern), translated.comment));
            }
            Asked::Path(steps(text, lexer)?)
        }
        other => return Err(Fault::new(text, at, Why::Test(other.to_owned()))),
    };
    Ok((asked, None))
}

/// All values up to the comment, one at least.
fn values<'t>(lexer: &mut Lexer<'t>) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token()? {
        tokens.push(token);
    }
    if tokens.is_empty() { Err(lexer.fault(Why::NoValues)) } else { Ok(tokens) }
}

fn flat(tokens: Vec<Token>) -> Vec<String> {
    tokens.into_iter().flat_map(|token| token.alternatives).collect()
}

/// amavis writes `.exe` in one kind of rule and `exe` in the other.
fn undotted(labels: Vec<String>) -> Vec<String> {
    labels.into_iter().map(|label| label.trim_start_matches('.').to_owned()).collect()
}

fn extensions(text: &str, lexer: &mut Lexer<'_>) -> Result<Vec<String>, Fault> {
    let tokens = values(lexer)?;
    for token in &tokens {
        let is_wrong = |word: &&String| word.is_empty() || word.contains(['.', '*', '/', '\\']);
        if let Some(word) = token.alternatives.iter().find(is_wrong) {
            return Err(Fault::new(text, token.at, Why::Extension(word.clone())));
        }
    }
    Ok(flat(tokens).into_iter().map(|word| word.to_lowercase()).collect())
}

fn check_letters(text: &str, at: usize, letters: &[String]) -> Result<(), Fault> {
    let is_known = |letter: &&String| letter.len() == 1 && Attributes::LETTERS.contains(letter.as_str());
    match letters.iter().find(|letter| !is_known(letter)) {
        Some(letter) => Err(Fault::new(text, at, Why::Attribute(letter.clone()))),
        None => Ok(()),
    }
}

fn one_value(lexer: &mut Lexer<'_>) -> Result<String, Fault> {
    let token = lexer.token()?.ok_or_else(|| lexer.fault(Why::NoValues))?;
    token.alternatives.into_iter().next().ok_or_else(|| lexer.fault(Why::NoValues))
}

/// The comment at the end, and nothing else.
fn finish(lexer: &mut Lexer<'_>) -> Result<Option<String>, Fault> {
    match lexer.token()? {
        Some(token) => Err(lexer.fault_at(token.at, Why::Trailing(token.alternatives.join("|")))),
        None => Ok(lexer.comment()),
    }
}

/// `T=zip > N=*.exe|*.com A=C >> M=text/*`.
fn steps(text: &str, lexer: &mut Lexer<'_>) -> Result<Vec<Step>, Fault> {
    let mut steps = vec![Step { is_direct: false, conditions: Vec::new() }];
    for token in values(lexer)? {
        let Some(step) = steps.last_mut() else { continue };
        if let Some(is_direct) = token.separator() {
            if step.conditions.is_empty() {
                return Err(Fault::new(text, token.at, Why::NoStep));
            }
            steps.push(Step { is_direct, conditions: Vec::new() });
            continue;
        }
        step.conditions.push(condition(text, token)?);
    }
    match steps.last() {
        Some(step) if step.conditions.is_empty() => Err(lexer.fault(Why::NoStep)),
        Some(_) | None => Ok(steps),
    }
}

fn condition(text: &str, token: Token) -> Result<(Key, Vec<String>), Fault> {
    let Token { at, mut alternatives, .. } = token;
    let fault = |why: Why| Fault::new(text, at, why);
    let Some(first) = alternatives.first_mut() else { return Err(fault(Why::NoValues)) };
    let key = match first.get(..2) {
        Some("P=") => Key::Part,
        Some("L=") => Key::Level,
        Some("M=") => Key::Mime,
        Some("T=") => Key::Type,
        Some("N=") => Key::Name,
        Some("A=") => Key::Attribute,
        Some(_) | None => return Err(fault(Why::Condition(first.clone()))),
    };
    first.drain(..2);
    if alternatives.iter().any(String::is_empty) {
        return Err(fault(Why::NoValues));
    }
    match key {
        Key::Attribute => check_letters(text, at, &alternatives)?,
        Key::Type => alternatives = undotted(alternatives),
        Key::Part | Key::Level | Key::Mime | Key::Name => {}
    }
    Ok((key, alternatives))
}
