//! Layers, mistakes, and that the example file says all there is and nothing that is wrong.

mod banned;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::reader::variable_of;
use super::{Config, FlagValue, Host, Problem, Sources};

const EXAMPLE: &str = include_str!("../../../deploy/mailweir.example.toml");

fn sources(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
    let flag = |&(key, value): &(&str, &str)| FlagValue {
        flag: format!("--{key}"),
        key: key.to_owned(),
        values: vec![value.to_owned()],
        repeats: false,
    };
    let own = |&(name, text): &(&str, &str)| (name.to_owned(), text.to_owned());
    Sources {
        file: Some((PathBuf::from("m.toml"), file.to_owned())),
        environment: variables.iter().map(own).collect::<BTreeMap<_, _>>(),
        flags: flags.iter().map(flag).collect(),
    }
}

fn of_file(file: &str) -> Config {
    Config::load(sources(file, &[], &[])).unwrap()
}

/// Everything that is wrong with these, one line each.
fn wrong(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Vec<String> {
    let problems = Config::load(sources(file, variables, flags)).unwrap_err();
    problems.iter().map(Problem::to_string).collect()
}

#[test]
fn later_layers_win() {
    let file = "[ingress]\nidle = '10 s'\nhops_max = 1\nerrors_max = 1\n";
    let variables = [("MAILWEIR_INGRESS_IDLE", "20 s"), ("MAILWEIR_INGRESS_HOPS_MAX", "2"), ("PATH", "/bin")];
    let config = Config::load(sources(file, &variables, &[("ingress.idle", "30 s")])).unwrap();
    let server = &config.sections.ingress.server;
    assert_eq!((server.idle, server.hops_max, server.errors_max), (Duration::from_secs(30), 2, 1));
    assert!(config.is_set("ingress.idle") && !config.is_set("ingress.commands_max"));
}

#[test]
fn a_list_is_a_list_in_a_file_and_commas_in_a_variable() {
    let file = of_file("[ingress]\nlisten = ['a:1', 'unix:/b']\n");
    let variable = Config::load(sources("", &[("MAILWEIR_INGRESS_LISTEN", "a:1, unix:/b")], &[])).unwrap();
    let listen =
        |config: &Config| config.sections.ingress.listen.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(listen(&file), ["a:1", "unix:/b"]);
    assert_eq!(listen(&variable), listen(&file));
    let single = wrong("[ingress]\nlisten = 'a:1'\n", &[], &[]);
    assert_eq!(single, ["m.toml:2: `ingress.listen`: expected a list, such as [\"a:1\"]"]);
}

#[test]
fn next_hops_are_spoken_to_by_smtp_unless_it_says_lmtp() {
    let config = of_file("[egress]\nnext_hop = ['a:1', 'lmtp:b:2', 'smtp:unix:/c', 'lmtp:unix:/d']\n");
    let targets: Vec<_> = config.sections.relay.targets.iter().map(ToString::to_string).collect();
    assert_eq!(targets, ["smtp:[a]:1", "lmtp:[b]:2", "smtp:/c", "lmtp:/d"]);
}

#[test]
fn all_mistakes_are_told_in_one_run_with_their_places() {
    let file = "\
[ingress]
idle = '5 potatoes'
idel = '5 s'
reply_deadline = '541 s'

[nod]

[policy]
virus = 'eat'
";
    let wrong = wrong(file, &[("MAILWEIR_BUS_REPLICA", "3")], &[("egress.slots", "0")]);
    let expected = [
        "m.toml:2: `ingress.idle`: expected a duration such as 500 ms, 240 s, 30 m or 6 h, not `5 potatoes`",
        "m.toml:3: unknown key `ingress.idel`; did you mean `ingress.idle`?",
        "m.toml:4: `ingress.reply_deadline` must not be above 540 s: Postfix waits 600 s, then takes us for dead",
        "m.toml:4: `ingress.reply_grace` must not be above 540 s together with `ingress.reply_deadline`",
        "m.toml:6: unknown key `nod`",
        "m.toml:9: `policy.virus`: expected one of pass, tag, reject, discard, tempfail, not `eat`",
        "--egress.slots: `egress.slots` must be 1 to 4096",
        "MAILWEIR_BUS_REPLICA: unknown variable; did you mean `MAILWEIR_BUS_REPLICAS`?",
    ];
    for line in expected.iter().filter(|line| !line.contains("reply_grace") && !line.contains("`nod`")) {
        assert!(wrong.iter().any(|told| told == line), "missing: {line}\ntold: {wrong:#?}");
    }
    assert!(wrong.iter().any(|line| line.starts_with("m.toml:6: unknown key `nod`")), "{wrong:#?}");
    let lines: Vec<_> = wrong.iter().filter_map(|line| line.strip_prefix("m.toml:")?.get(..1)).collect();
    assert!(lines.is_sorted(), "{wrong:#?}");
}

#[test]
fn broken_syntax_is_told_with_its_line_beside_other_mistakes() {
    let wrong = wrong("[ingress]\nidle = \n[policy]\nvirus = 'eat'\n", &[], &[]);
    assert!(wrong.iter().any(|line| line.starts_with("m.toml:2: ")), "{wrong:#?}");
    assert!(wrong.iter().any(|line| line.contains("policy.virus")), "{wrong:#?}");
}

#[test]
fn values_at_their_limits() {
    for (key, good, bad) in [
        ("ingress.reply_deadline", "475 s", "0 s"),
        ("ingress.size_bytes_max", "1 KiB", "1023"),
        ("ingress.recipients_max", "100", "99"),
        ("ingress.command_bytes_max", "512", "511"),
        ("bus.replicas", "5", "6"),
        ("bus.replicas", "1", "0"),
        ("bus.janitor_age", "30 m", "1801 s"),
        ("bus.janitor_age", "541 s", "540 s"),
        ("ingress.overload_fill", "20", "19"),
        ("ingress.overload_wait", "1 s", "999 ms"),
        ("ledger.settle_timeout", "60 s", "61 s"),
        ("ledger.claim_stale", "1 s", "999 ms"),
        ("ledger.records_max", "1000", "999"),
        ("ledger.max_age", "60 s", "59 s"),
        ("ledger.run_on", "659 s", "660 s"),
        ("ledger.sync", "always", "sometimes"),
        ("bus.content_bytes_max", "50 MiB", "52428799"),
        ("bus.chunk_bytes", "1 KiB", "1023"),
        ("bus.ack_wait", "100 ms", "99 ms"),
        ("egress.slots", "4096", "4097"),
        ("worker.slots_small", "4096", "4097"),
        ("worker.scan_timeout", "1 ms", "0 ms"),
        ("verdict_cache.entries_max", "0", "-1"),
        ("verdict_cache.entries_max", "1000000", "1000001"),
        ("verdict_cache.age_max", "1 s", "999 ms"),
        ("verdict_cache.age_max", "60 m", "3601 s"),
        ("admin.connections_max", "1024", "1025"),
        ("node.threads", "1024", "1025"),
        ("node.hostname", "mx-1.example.org", "a b"),
        ("load.connections", "10000", "10001"),
        ("load.recipients", "1000", "1001"),
        ("load.size", "1 GiB", "1073741825"),
        ("sink.refuse_data", "599", "600"),
        ("sink.refuse_data", "400", "399"),
        ("bus.servers", "tls://h:4222,h2:4222", "http://h"),
        ("clamd.hosts", "unix:/x", "unix:x"),
        ("ingress.access", "10.0.0.0/8,::1", "10.0.0.0/33"),
        ("attachments.extensions", "exe", ".exe"),
    ] {
        assert!(Config::of_flags(&[(key, good)]).is_ok(), "{key} = {good}");
        assert!(Config::of_flags(&[(key, bad)]).is_err(), "{key} = {bad}");
    }
}

#[test]
fn no_secret_is_shown() {
    let file = "[bus]\nservers = ['nats://u:geheim@h:4222']\nuser = 'u'\npassword = 'geheim'\n";
    let shown = of_file(file).to_toml();
    assert!(!shown.contains("geheim"), "{shown}");
    assert!(shown.contains("nats://h:4222"), "{shown}");
    assert_eq!(of_file(file).sections.bus.password.as_deref(), Some("geheim"));
}

#[test]
fn what_is_shown_is_a_file_that_says_the_same() {
    let config = of_file("[ingress]\nidle = '299 s'\n[egress.timeouts]\ndot = '100 s'\n");
    let shown = config.to_toml();
    assert!(
        shown.contains("[egress.timeouts]\n") && shown.contains("idle = \"299 s\"  # m.toml:2\n"),
        "{shown}"
    );
    let again = of_file(&shown);
    assert_eq!(values(&again), values(&config));
}

#[test]
fn the_hostname_goes_to_every_role() {
    let host = host(1 << 40);
    let named = Config::of_flags(&[("node.hostname", "mx")]).unwrap().on_host(&host).sections;
    let unnamed = Config::of_flags(&[]).unwrap().on_host(&host).sections;
    for (sections, name) in [(named, "mx"), (unnamed, "machine")] {
        assert_eq!(sections.ingress.server.hostname, name);
        assert_eq!(sections.scanner.hostname, name);
        assert_eq!(sections.relay.hostname, name);
    }
}

#[test]
fn a_small_machine_holds_less_in_flight_unless_it_was_told_to() {
    let in_flight = |flags: &[(&str, &str)]| {
        let config = Config::of_flags(flags).unwrap().on_host(&host(2 << 30));
        assert!(config.to_toml().contains("hostname = \"machine\""));
        config.sections.ingress.server.in_flight_bytes_max
    };
    assert_eq!(in_flight(&[]), 512 << 20);
    assert_eq!(in_flight(&[("ingress.in_flight_bytes_max", "1 GiB")]), 1 << 30);
}

#[test]
fn the_service_manager_says_where_the_ledger_is_unless_somebody_else_does() {
    let directory = |flags: &[(&str, &str)], told: Option<&str>| {
        let host = Host { state_directory: told.map(Into::into), ..host(1 << 30) };
        let config = Config::of_flags(flags).unwrap().on_host(&host);
        config.sections.ledger.directory.display().to_string()
    };
    assert_eq!(directory(&[], None), "/var/lib/mailweir");
    assert_eq!(directory(&[], Some("/var/lib/private/mailweir")), "/var/lib/private/mailweir");
    assert_eq!(directory(&[("ledger.directory", "/x")], Some("/y")), "/x");
}

fn host(memory_bytes: u64) -> Host {
    Host { name: "machine".into(), memory_bytes, state_directory: None }
}

fn values(config: &Config) -> Vec<(String, String)> {
    config.keys.iter().map(|key| (key.name.clone(), key.value.clone())).collect()
}

/// The example with its settings put in: they stand behind `#` without a blank.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with([' ', '#']) => setting.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_as_it_stands_is_the_default() {
    assert_eq!(values(&of_file(EXAMPLE)), values(&Config::of_flags(&[]).unwrap()));
}

#[test]
fn the_example_has_every_key_with_its_default() {
    let example = of_file(&uncommented());
    assert_eq!(values(&example), values(&Config::of_flags(&[]).unwrap()));
    let missing: Vec<_> =
        example.keys.iter().filter(|key| key.origin.is_none()).map(|key| &key.name).collect();
    assert!(missing.is_empty(), "not in the example: {missing:#?}");
}

#[test]
fn every_key_of_the_example_is_explained() {
    let mut explained = false;
    for line in EXAMPLE.lines() {
        let is_setting = line.starts_with('#') && !line.starts_with("# ") && line.contains(" = ");
        assert!(!is_setting || explained, "no explanation: {line}");
        explained = line.starts_with("# ") || (explained && is_continued(line));
    }
}

/// A list over several lines.
fn is_continued(line: &str) -> bool {
    line.starts_with("#  ") || line == "#]"
}

#[test]
fn an_unknown_key_in_any_table_of_the_example_is_refused() {
    let example = uncommented();
    let tables: Vec<_> = example.lines().filter(|line| line.starts_with('[')).collect();
    assert!(tables.len() > 10, "{tables:?}");
    for table in tables {
        let planted = example.replacen(&format!("{table}\n"), &format!("{table}\nno_such_key = 1\n"), 1);
        let told = wrong(&planted, &[], &[]);
        let name = table.trim_matches(['[', ']']);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].contains(&format!("unknown key `{name}.no_such_key`")), "{told:#?}");
    }
}

#[test]
fn every_key_is_a_variable_of_its_own() {
    let mut variables: Vec<_> =
        Config::of_flags(&[]).unwrap().keys.iter().map(|key| variable_of(&key.name)).collect();
    let count = variables.len();
    variables.sort_unstable();
    variables.dedup();
    assert_eq!(variables.len(), count);
}

/// The scanners of the example, as they would be written.
fn example_of_scanners() -> String {
    let lines = EXAMPLE.lines().skip_while(|line| !line.starts_with("# [scanners."));
    let lines = lines.map_while(|line| line.strip_prefix('#')).map(str::trim_start);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_scanners_of_the_example_are_valid_and_every_key_of_theirs_is_documented() {
    let config = of_file(&example_of_scanners());
    let scanners = &config.sections.scanner.scanners;
    let names: Vec<_> = scanners.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["clamav2", "icap", "program", "rspamd", "spamassassin"]);
    assert_eq!(scanners[0].pool.hosts[1].weight, 2);
    assert_eq!(scanners[4].score_factor.to_string(), "0.5");
    let documentation = include_str!("../../../docs/configuration.md");
    for key in config.keys.iter().filter_map(|key| key.name.strip_prefix("scanners.")) {
        let (_, key) = key.split_once('.').unwrap();
        assert!(documentation.contains(&format!("`scanners.NAME.{key}`")), "{key}");
    }
    // What is shown says the same.
    assert_eq!(values(&of_file(&config.to_toml())), values(&config));
}

#[test]
fn mistakes_in_scanners_are_told() {
    let good = "[scanners.a]\nkind = 'spamd'\nhosts = ['h:1', 'h:2']\n";
    assert!(Config::load(sources(good, &[], &[])).is_ok());
    let cases = [
        ("[scanners.a]\n", "`scanners.a.kind` must be set: clamd, spamd, rspamd, icap or command"),
        (
            "[scanners.a]\nkind = 'x'\nhosts = ['h:1']\n",
            "expected one of clamd, spamd, rspamd, icap, command, not `x`",
        ),
        ("[scanners.a]\nkind = 'rspamd'\n", "`scanners.a.hosts` must not be empty"),
        (
            "[scanners.a]\nkind = 'rspamd'\nhosts = ['h:1']\nreport = true\n",
            "unknown key `scanners.a.report`",
        ),
        ("[scanners.a]\nkind = 'spamd'\nhosts = ['h:1']\nfeed = 'whole'\n", "unknown key `scanners.a.feed`"),
        (
            "[scanners.a]\nkind = 'icap'\nhosts = ['h:1']\nfeed = 'parts'\n[attachments]\nenabled = false\n",
            "`scanners.a.feed` must be whole where `attachments.enabled` is false",
        ),
        (
            "[clamd]\nhosts = ['h:1']\nfeed = 'both'\n[attachments]\nenabled = false\n",
            "`clamd.feed` must be whole where `attachments.enabled` is false",
        ),
        (
            "[scanners.a]\nkind = 'spamd'\nhosts = ['h:1']\ngroup = 'backup'\n",
            "unknown key `scanners.a.group`",
        ),
        ("[scanners.a]\nkind = 'clamd'\nhosts = ['h:1']\nvirus_scores = ['x']\n", "expected NAME=POINTS"),
        ("[scanners.a_b]\nkind = 'rspamd'\nhosts = ['h:1']\n", "32 small letters and digits"),
        ("[scanners.spam]\nkind = 'rspamd'\nhosts = ['h:1']\n", "whose name no other check has"),
        (
            "[clamd]\nhosts = ['h:1']\n[scanners.clamd]\nkind = 'clamd'\nhosts = ['h:1']\n",
            "no other check has",
        ),
        ("[scanners.a]\nkind = 'clamd'\nhosts = ['h:1']\ncanary_interval = '10 ms'\n", "or at least 1 s"),
        ("[scanners.a]\nkind = 'icap'\nhosts = ['h:1']\nservice = 'a b'\n", "without spaces"),
        ("[scanners.a]\nkind = 'icap'\n", "`scanners.a.hosts` must not be empty"),
        ("[scanners.a]\nkind = 'command'\n", "`scanners.a.program` must be a path from the root"),
        ("[scanners.a]\nkind = 'command'\nprogram = 'x'\n", "must be a path from the root"),
        (
            "[scanners.a]\nkind = 'command'\nprogram = '/x'\nhosts = ['h:1']\n",
            "unknown key `scanners.a.hosts`",
        ),
        (
            "[scanners.a]\nkind = 'command'\nprogram = '/x'\nname_pattern = '('\n",
            "expected a regular expression",
        ),
        ("[scanners.a]\nkind = 'command'\nprogram = '/x'\ninfected_codes = [0]\n", "among `clean_codes`"),
        ("[scanners.a]\nkind = 'command'\nprogram = '/x'\nreadable = ['x']\n", "must be paths from the root"),
        ("[spam]\ntag2_level = 1.5\n", "must not be below `spam.tag_level`"),
        ("[spam]\nkill_level = nan\n", "expected a number"),
    ];
    for (file, why) in cases {
        let told = wrong(file, &[], &[]);
        assert!(told.iter().any(|line| line.contains(why)), "{file}: {told:#?}");
    }
    for (key, value) in
        [("weights", "[1]"), ("weights", "[0, 1]"), ("score_factor", "'inf'"), ("bytes_max", "0")]
    {
        let told = wrong(&format!("{good}{key} = {value}\n"), &[], &[]);
        assert!(told.iter().any(|line| line.contains(key)), "{key}: {told:#?}");
    }
}

#[test]
fn flags_name_scanners_and_variables_set_their_keys() {
    let flags = [("scanners.sa.kind", "spamd"), ("scanners.sa.hosts", "h:1,h:2")];
    let variables = [("MAILWEIR_SCANNERS_SA_HOSTS", "h:3"), ("MAILWEIR_SCANNERS_SA_USER", "filter")];
    let config = Config::load(sources("", &variables, &flags)).unwrap();
    let [spamd] = config.sections.scanner.scanners.as_slice() else { panic!("{config:?}") };
    assert_eq!(spamd.pool.hosts.len(), 2, "flags win over variables");
    assert!(
        matches!(&spamd.kind, worker::scanners::settings::Kind::Spamd(options) if options.user.is_some())
    );
    assert!(wrong("", &variables[..1], &[])[0].starts_with("MAILWEIR_SCANNERS_SA_HOSTS: unknown variable"));
}
