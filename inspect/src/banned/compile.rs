//! Makes tests and entries of all rules, once, and collects everything that is wrong with them.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use proto::inspection::{AttachmentRules, DEFAULT_SET};
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::error::{Fault, RULE_BYTES_MAX, RULES_MAX, RuleError, Why};
use super::path::Step;
use super::syntax::{Action, Asked, Key, Step as WrittenStep, Written, parse};
use super::tests_of_node::{Extensions, Kind, Test, Tests};
use super::{Condition, Entry, Rules, glob};

/// Most memory of one compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 512 * 1024;
/// Most memory of all of them together, and of what matching them remembers.
const PATTERNS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Deepest nesting of groups in a pattern.
const NESTING_MAX: u32 = 64;

/// Everything so far.
#[derive(Default)]
pub(super) struct Compiler {
    tests: Vec<Test>,
    patterns: Vec<String>,
    path_patterns: Vec<String>,
    errors: Vec<RuleError>,
}

/// All sets of `settings`, and what is wrong with them.
pub(super) fn compile(settings: &AttachmentRules) -> (Rules, Vec<RuleError>) {
    let mut compiler = Compiler::default();
    let mut written: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    written.insert(DEFAULT_SET.to_owned(), compiler.default_set(settings));
    for (name, rules) in &settings.banned.sets {
        if name == DEFAULT_SET {
            compiler.error(name, 0, Fault::whole(Why::DefaultIsTaken));
            continue;
        }
        let read = rules.iter().enumerate().filter_map(|(index, text)| compiler.rule(name, index + 1, text));
        let read = read.collect();
        written.insert(name.clone(), read);
    }
    let mut sets = BTreeMap::new();
    for name in written.keys() {
        match flatten(name, &written) {
            Ok(entries) => drop(sets.insert(name.clone(), entries)),
            Err((number, why)) => compiler.error(name, number, Fault::whole(why)),
        }
    }
    let site = settings.banned.set.clone();
    if !written.contains_key(&site) {
        compiler.error("", 0, Fault::whole(Why::UnknownSet(site.clone())));
    }
    let patterns = compiler.patterns(|compiler| &compiler.patterns);
    let paths = compiler.patterns(|compiler| &compiler.path_patterns);
    let tests = Tests { list: compiler.tests, patterns };
    (Rules { sets, site, tests, paths, identity: Rc::new(()) }, compiler.errors)
}

/// A rule that was read.
enum Rule {
    Use { number: usize, set: String },
    Entry(Rc<Entry>),
}

/// The entries of a set with those of the sets that it uses, in their order. Without recursion.
fn flatten(name: &str, written: &BTreeMap<String, Vec<Rule>>) -> Result<Vec<Rc<Entry>>, (usize, Why)> {
    let mut entries = Vec::new();
    let mut number = 0;
    let Some(rules) = written.get(name) else { return Ok(entries) };
    let mut open = vec![(name, rules.iter())];
    // A used set that is empty costs a step too.
    let mut steps = 0;
    while let Some((_, rules)) = open.last_mut() {
        steps += 1;
        if steps > 4 * RULES_MAX || entries.len() > RULES_MAX {
            return Err((0, Why::TooMany));
        }
        match rules.next() {
            None => drop(open.pop()),
            Some(Rule::Entry(entry)) => entries.push(Rc::clone(entry)),
            Some(Rule::Use { number: at, set }) => {
                if open.len() == 1 {
                    number = *at;
                }
                if open.iter().any(|(name, _)| name == set) {
                    return Err((number, Why::Circle(set.clone())));
                }
                let Some((set, rules)) = written.get_key_value(set) else {
                    return Err((number, Why::UnknownSet(set.clone())));
                };
                open.push((set, rules.iter()));
            }
        }
    }
    Ok(entries)
}

impl Compiler {
    fn error(&mut self, set: &str, number: usize, fault: Fault) {
        self.errors.push(RuleError { set: set.to_owned(), number, at: fault.at, why: fault.why });
    }

    /// The lists of the attachment rule: names, then declared types, then types by content.
    fn default_set(&mut self, settings: &AttachmentRules) -> Vec<Rule> {
        let fold = |words: &[String]| -> HashSet<String> {
            words.iter().map(|word| word.trim().trim_start_matches('.').to_lowercase()).collect()
        };
        let except = settings.allowed_names.iter().map(|name| name.to_lowercase()).collect();
        let extensions =
            Extensions::new(fold(&settings.extensions), fold(&settings.double_extensions), except);
        [
            Test::Extensions(extensions),
            Test::MimeTypes(fold(&settings.mime_types)),
            Test::Types(
                settings.types.iter().map(|word| word.trim().trim_start_matches('.').to_owned()).collect(),
            ),
        ]
        .into_iter()
        .enumerate()
        .map(|(index, test)| {
            let condition = Condition::Node(self.add(test));
            let name = format!("{DEFAULT_SET} {}", index + 1);
            Rule::Entry(Rc::new(Entry { name, label: None, is_allow: false, condition }))
        })
        .collect()
    }

    fn rule(&mut self, set: &str, number: usize, text: &str) -> Option<Rule> {
        match self.read(set, number, text) {
            Ok(rule) => Some(rule),
            Err(fault) => {
                self.error(set, number, fault);
                None
            }
        }
    }

    fn read(&mut self, set: &str, number: usize, text: &str) -> Result<Rule, Fault> {
        if text.len() > RULE_BYTES_MAX {
            return Err(Fault::whole(Why::TooLong));
        }
        match parse(text)? {
            Written::Use(set) => Ok(Rule::Use { number, set }),
            Written::Rule { action, test, label } => {
                let condition = self.condition(test)?;
                let is_allow = action == Action::Allow;
                let name = label.clone().unwrap_or_else(|| format!("{set} {number}"));
                Ok(Rule::Entry(Rc::new(Entry { name, label, is_allow, condition })))
            }
        }
    }

    fn condition(&mut self, asked: Asked) -> Result<Condition, Fault> {
        Ok(match asked {
            Asked::Extensions(words) => {
                let words = words.into_iter().collect();
                let lists = Extensions::new(words, HashSet::new(), HashSet::new());
                Condition::Node(self.add(Test::Extensions(lists)))
            }
            Asked::DoubleExtensions(words) => {
                let words = words.into_iter().collect();
                let lists = Extensions::new(HashSet::new(), words, HashSet::new());
                Condition::Node(self.add(Test::Extensions(lists)))
            }
            Asked::Fields(key, words) => Condition::Node(self.fields(key, words)?),
            Asked::Regex(pattern) => {
                let patterns = vec![self.pattern(pattern)?];
                Condition::Node(self.add(Test::Patterns { of: None, patterns }))
            }
            Asked::PathRegex(pattern) => {
                compiled(&pattern)?;
                self.path_patterns.push(pattern);
                Condition::Text(self.path_patterns.len() - 1)
            }
            Asked::Path(steps) => {
                let steps = steps.into_iter().map(|step| self.step(step));
                Condition::Steps(steps.collect::<Result<_, _>>()?)
            }
        })
    }

    fn add(&mut self, test: Test) -> usize {
        self.tests.push(test);
        self.tests.len() - 1
    }

    fn pattern(&mut self, pattern: String) -> Result<usize, Fault> {
        compiled(&pattern)?;
        self.patterns.push(pattern);
        Ok(self.patterns.len() - 1)
    }

    /// The test whether any of `words` fits the field.
    fn fields(&mut self, key: Key, words: Vec<String>) -> Result<usize, Fault> {
        let is_plain = words.iter().all(|word| !word.contains(['*', '?', '\\']));
        let of = match key {
            Key::Mime if is_plain => {
                let words = words.iter().map(|word| word.to_lowercase()).collect();
                return Ok(self.add(Test::MimeTypes(words)));
            }
            Key::Type if is_plain => return Ok(self.add(Test::Types(words.into_iter().collect()))),
            Key::Attribute => {
                let letters = words.iter().flat_map(|word| word.chars()).collect();
                return Ok(self.add(Test::Attributes(letters)));
            }
            Key::Mime => Kind::Mime,
            Key::Type => Kind::Type,
            Key::Name | Key::Part | Key::Level => Kind::Name,
        };
        let start = if of == Kind::Type { "." } else { "" };
        let patterns = words.iter().map(|word| self.pattern(glob::pattern(&format!("{start}{word}"))));
        let patterns = patterns.collect::<Result<_, _>>()?;
        Ok(self.add(Test::Patterns { of: Some(of), patterns }))
    }

    fn step(&mut self, step: WrittenStep) -> Result<Step, Fault> {
        let mut tests = Vec::new();
        let (mut parts, mut levels) = (Vec::new(), Vec::new());
        for (key, words) in step.conditions {
            let globs = || words.iter().map(|word| compiled(&glob::pattern(word)));
            match key {
                Key::Part => parts.extend(globs().collect::<Result<Vec<_>, _>>()?),
                Key::Level => levels.extend(globs().collect::<Result<Vec<_>, _>>()?),
                Key::Mime | Key::Type | Key::Name | Key::Attribute => tests.push(self.fields(key, words)?),
            }
        }
        Ok(Step { is_direct: step.is_direct, tests, parts, levels })
    }

    /// All patterns of a kind as one; each of them is known to be good.
    fn patterns(&mut self, of: impl Fn(&Self) -> &Vec<String>) -> RegexSet {
        let built = RegexSetBuilder::new(of(self))
            .size_limit(PATTERNS_BYTES_MAX)
            .dfa_size_limit(PATTERNS_BYTES_MAX)
            .nest_limit(NESTING_MAX)
            .build();
        built.unwrap_or_else(|_| {
            self.error("", 0, Fault::whole(Why::TooLarge));
            RegexSet::empty()
        })
    }
}

/// A pattern by itself, so that what is wrong can be said of its rule.
fn compiled(pattern: &str) -> Result<Regex, Fault> {
    let built = RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .nest_limit(NESTING_MAX)
        .build();
    built.map_err(|error| {
        // The last line says what, those before draw where.
        let message = error.to_string();
        let what = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Fault::whole(Why::Regex(what.to_owned()))
    })
}
