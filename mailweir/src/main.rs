//! The one binary: reads flags, variables and a file, sets up what the command needs, and runs it.
//!
//! Whatever is worth testing alone lives in the roles' crates; what is here is wiring, and the tools beside the filter
//! (`demo`, `load`, `sink`). Exit codes: 0 done, 1 failed, 2 the command line or configuration is wrong.

mod admin;
mod cli;
mod config;
mod confine;
mod demo;
mod failpoints;
mod fence;
mod inspect;
mod load;
mod logging;
mod output;
mod pipeline;
mod ports;
mod run;
mod signals;
mod sink;
mod sockets;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;
use tracing::Level;

use cli::{Command, Invocation};
use config::{Config, Environment, FAILPOINT_VARIABLE, FAULTS_VARIABLE, FILE_VARIABLE, Host, Log, Sources};
use run::{EgressRole, IngressRole, Inherited, Role, Standalone, WorkerRole};
use signals::{Shutdown, Signals};

/// Where systemd tells a service its StateDirectory=.
const STATE_VARIABLE: &str = "STATE_DIRECTORY";
/// The command line or the configuration is wrong.
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = confine::run(std::env::args_os()) {
        return code;
    }
    let invocation = match cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(error) => {
            // To a closed pipe; there is nobody to tell.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { WRONG_USE } else { 0 });
        }
    };
    let command = invocation.command;
    if let Command::Inspect(what) = command {
        return inspect::command(what);
    }
    let config = match load_config(invocation) {
        Ok(config) => config,
        Err(problems) => {
            for problem in problems {
                output::complaint(problem);
            }
            return ExitCode::from(WRONG_USE);
        }
    };
    match command {
        Command::ConfigCheck => {
            output::result("configuration is valid");
            return ExitCode::SUCCESS;
        }
        Command::ConfigShow => {
            output::raw(&config.to_toml());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    logging::install(log_of(command, &config));
    match run(command, config) {
        Ok(code) => code,
        Err(error) => {
            output::complaint(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Where the result goes to the screen, a line for every mail would hide it, unless somebody asks for that.
fn log_of(command: Command, config: &Config) -> Log {
    let log = config.sections.log;
    let level = match command {
        _ if config.is_set("log.level") => log.level,
        Command::Load | Command::Sink => Level::WARN,
        // What is no news there: the demonstration tells itself that there is no clamd, and at first there is no
        // connection to NATS.
        Command::Demo | Command::TopologyShow | Command::TopologyApply => Level::ERROR,
        _ => log.level,
    };
    Log { level, ..log }
}

/// Reads all layers; the process's environment is looked at here and nowhere else.
fn load_config(invocation: Invocation) -> Result<Config, Vec<String>> {
    let variables = std::env::vars_os();
    let environment: Environment = variables
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
        .collect();
    let failpoints = environment.get(FAILPOINT_VARIABLE).map(|text| failpoints::parse(text)).transpose();
    let failpoints = failpoints.map_err(|error| vec![format!("{FAILPOINT_VARIABLE}: {error}")])?;
    let has_faults = environment.contains_key(FAULTS_VARIABLE);
    if has_faults && cfg!(not(debug_assertions)) {
        return Err(vec![format!("{FAULTS_VARIABLE}: this build has no faults")]);
    }
    let host = host(&environment);
    let path = invocation.file.or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from));
    let file = match path {
        Some(path) => match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) => return Err(vec![format!("reading {}: {error}", path.display())]),
        },
        None => None,
    };
    let sources = Sources { file, environment, flags: invocation.flags };
    let mut config = Config::load(sources)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    config.sections.failpoints = failpoints.unwrap_or_default();
    config.sections.has_inspect_faults = has_faults;
    Ok(config.on_host(&host))
}

/// What the kernel tells, `localhost` and plenty of memory where it does not; and what the service manager tells.
fn host(environment: &Environment) -> Host {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let name = match read("/proc/sys/kernel/hostname").trim() {
        "" => "localhost".into(),
        name => name.into(),
    };
    let kib = read("/proc/meminfo").lines().find_map(|line| {
        let total = line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?;
        total.parse::<u64>().ok()
    });
    Host {
        name,
        memory_bytes: kib.map_or(u64::MAX, |kib| kib * 1_024),
        state_directory: environment.get(STATE_VARIABLE).map(PathBuf::from),
    }
}

fn run(command: Command, config: Config) -> Result<ExitCode> {
    let inherited = run::take_inherited().context("taking the sockets that were passed")?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if config.sections.node.threads > 0 {
        builder.worker_threads(config.sections.node.threads);
    }
    let runtime = builder.enable_all().build().context("starting the runtime")?;
    let code = runtime.block_on(async {
        let shutdown = Shutdown::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(Signals::register().context("registering signals")?.pass_on(shutdown.clone()));
        Box::pin(dispatch(command, config, inherited, shutdown)).await
    });
    // A second signal must not wait for whatever still blocks.
    runtime.shutdown_background();
    code
}

async fn dispatch(
    command: Command,
    config: Config,
    inherited: Vec<Inherited>,
    shutdown: Shutdown,
) -> Result<ExitCode> {
    let sections = config.sections;
    let mut registry = Registry::default();
    match command {
        Command::Standalone => {
            let role = Standalone::bind(&sections, inherited, &mut registry).await?;
            serve(role, registry, &sections, shutdown).await
        }
        Command::Ingress => {
            let role = IngressRole::bind(&sections, inherited, &mut registry).await?;
            serve(role, registry, &sections, shutdown).await
        }
        Command::Worker => {
            let role = WorkerRole::bind(&sections, &mut registry).await?;
            serve(role, registry, &sections, shutdown).await
        }
        Command::Egress => {
            let role = EgressRole::bind(&sections, &mut registry).await?;
            serve(role, registry, &sections, shutdown).await
        }
        Command::TopologyShow => run::topology_show(&sections).await,
        Command::TopologyApply => run::topology_apply(&sections).await,
        Command::Demo => Box::pin(demo::command(sections, shutdown)).await,
        Command::Load => load::command(sections.load, &shutdown).await,
        Command::Sink => sink::command(sections.sink, &sections.node, &shutdown).await,
        // Answered before there was a runtime.
        Command::ConfigCheck | Command::ConfigShow | Command::Inspect(_) => Ok(ExitCode::SUCCESS),
    }
}

async fn serve<R: Role>(
    role: R,
    registry: Registry,
    sections: &config::Sections,
    shutdown: Shutdown,
) -> Result<ExitCode> {
    run::service(role, registry, &sections.node, &sections.admin, shutdown).await
}
