//! Revisions of the project in worktrees of their own, and the executables that are built in them.

use crate::interrupt::Interrupt;
use crate::run::Executable;
use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The package whose benchmarks are compared, and this one.
const BENCHES: &str = "lacuna-benches";
const PERFGATE: &str = "lacuna-perfgate";
/// What stands for the working tree as it is, in place of a revision.
const WORKING_TREE: [&str; 2] = [".", "WORKTREE"];

/// A temporary folder with worktrees and executables. Both are removed when it is dropped.
pub(crate) struct Worktrees {
    repository: PathBuf,
    folder: TempDir,
    worktrees: Vec<PathBuf>,
    /// Where builds are kept, a folder for each commit and compiler.
    kept: Option<PathBuf>,
    interrupt: Interrupt,
}

/// A revision that is ready to be built.
pub(crate) struct Revision {
    /// Its commit; `None` for the working tree.
    pub(crate) commit: Option<String>,
    /// Its root.
    root: PathBuf,
    /// Where its executables are copied to, so that a later build does not replace what is being measured.
    executables: PathBuf,
    /// Its build; `None` for the target folder that cargo takes by itself.
    target: Option<PathBuf>,
    /// Names of its benchmark executables.
    pub(crate) benches: Vec<String>,
    has_perfgate: bool,
}

impl Revision {
    /// What it is called in tables.
    pub(crate) fn name(&self) -> String {
        self.commit.as_ref().map_or("the working tree".to_string(), |commit| commit[..12].to_string())
    }
}

impl Worktrees {
    /// An empty one for the repository of the current folder.
    ///
    /// # Errors
    /// Outside a repository.
    pub(crate) fn new(kept: Option<PathBuf>, interrupt: Interrupt) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("perfgate-").tempdir()?;
        let kept = kept.map(std::path::absolute).transpose()?;
        Ok(Self { repository: repository()?, folder, worktrees: vec![], kept, interrupt })
    }

    /// Checks a revision out. `side` is a name for its folder: of the same length for all, because the length of a program's
    /// path moves its stack.
    ///
    /// # Errors
    /// A revision that git does not know, or that has no benchmarks.
    pub(crate) fn revision(&mut self, name: &str, side: &str) -> anyhow::Result<Revision> {
        let own = self.folder.path().join(side);
        let (commit, root, target, executables) = match WORKING_TREE.contains(&name) {
            true => (None, self.repository.clone(), None, own.join("executables")),
            false => {
                let revision = format!("{name}^{{commit}}");
                let commit = git(&self.repository, ["rev-parse", "--verify", "--quiet", &revision])
                    .with_context(|| format!("{name}: no revision of {}", self.repository.display()))?;
                let root = own.join("source");
                self.worktrees.push(root.clone());
                let path = root.as_os_str();
                git(
                    &self.repository,
                    ["worktree".as_ref(), "add".as_ref(), "--detach".as_ref(), path, commit.as_ref()],
                )?;
                let build = match &self.kept {
                    Some(kept) => {
                        let word = |c: char| if c.is_alphanumeric() || c == '.' { c } else { '-' };
                        let compiler: String = compiler(&root)?.chars().map(word).collect();
                        kept.join(format!("{}-{compiler}", &commit[..12]))
                    }
                    None => own.join("target"),
                };
                (Some(commit), root, Some(build.clone()), build.join("perfgate"))
            }
        };
        let (benches, has_perfgate) = targets(&root)?;
        ensure!(!benches.is_empty(), "{name}: no benchmarks in the package {BENCHES}");
        Ok(Revision { commit, root, executables, target, benches, has_perfgate })
    }

    /// Builds benchmark executables of a revision once, or takes those that were kept.
    ///
    /// # Errors
    /// A build that fails.
    pub(crate) fn build(
        &self,
        revision: &Revision,
        benches: &[&str],
    ) -> anyhow::Result<BTreeMap<String, Executable>> {
        let missing: Vec<&str> = benches.iter().filter(|name| !revision.has(name)).copied().collect();
        if !missing.is_empty() {
            let chosen = missing.iter().flat_map(|name| ["--bench", name]);
            let arguments = ["bench", "--no-run", "-p", BENCHES].into_iter().chain(chosen);
            self.cargo(revision, arguments)?;
        }
        benches.iter().map(|name| Ok((name.to_string(), revision.executable(name)?))).collect()
    }

    /// Builds this program as it is in a revision; `None` where the revision does not have it.
    ///
    /// # Errors
    /// A build that fails.
    pub(crate) fn build_perfgate(&self, revision: &Revision) -> anyhow::Result<Option<Executable>> {
        if !revision.has_perfgate {
            return Ok(None);
        }
        if !revision.has("perfgate") {
            self.cargo(revision, ["build", "--release", "-p", PERFGATE, "--bin", "perfgate"])?;
        }
        revision.executable("perfgate").map(Some)
    }

    /// Runs cargo in a revision and copies every executable that it reports.
    fn cargo<'a>(
        &self,
        revision: &Revision,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> anyhow::Result<()> {
        self.interrupt.check()?;
        let messages = tempfile::NamedTempFile::new_in(self.folder.path())?;
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        // In its root, because cargo reads the compiler's flags from there.
        cargo.args(arguments).arg("--message-format=json").current_dir(&revision.root);
        cargo.stdin(Stdio::null()).stdout(messages.reopen()?);
        if let Some(target) = &revision.target {
            cargo.env("CARGO_TARGET_DIR", target);
        }
        let mut child = cargo.spawn().context("cargo")?;
        let status = self.interrupt.wait(&mut child)?;
        if !status.success() {
            bail!("{} does not build", revision.name());
        }
        fs::create_dir_all(&revision.executables)?;
        for line in BufReader::new(messages.reopen()?).lines() {
            let message: Message = serde_json::from_str(&line?).context("the output of cargo")?;
            if let Message { executable: Some(path), target: Some(target), .. } = message {
                // Whole or not at all: what is there is taken for built.
                let temporary = tempfile::NamedTempFile::new_in(&revision.executables)?;
                fs::copy(&path, temporary.path())?;
                temporary.persist(revision.executables.join(&target.name))?;
            }
        }
        Ok(())
    }
}

impl Revision {
    /// The version of the compiler that builds it.
    ///
    /// # Errors
    /// Without a compiler.
    pub(crate) fn compiler(&self) -> anyhow::Result<String> {
        compiler(&self.root)
    }

    /// Whether an executable was built.
    fn has(&self, name: &str) -> bool {
        self.executables.join(name).is_file()
    }

    fn executable(&self, name: &str) -> anyhow::Result<Executable> {
        let path = self.executables.join(name);
        ensure!(path.is_file(), "{}: cargo reported no executable {name}", self.name());
        // Where cargo runs benchmarks.
        Ok(Executable { path, folder: self.root.join("benches"), variables: vec![] })
    }
}

impl Drop for Worktrees {
    fn drop(&mut self) {
        for worktree in &self.worktrees {
            let path = worktree.as_os_str();
            // Nothing more can be done about one that stays: the temporary folder is removed all the same.
            let _ = git(&self.repository, ["worktree".as_ref(), "remove".as_ref(), "--force".as_ref(), path]);
        }
    }
}

/// A line of cargo's output.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    #[serde(default)]
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

/// The benchmarks of a revision, and whether it has this program.
fn targets(root: &Path) -> anyhow::Result<(Vec<String>, bool)> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root);
    let metadata: Metadata = serde_json::from_str(&output(&mut cargo)?).context("cargo metadata")?;
    let has_perfgate = metadata.packages.iter().any(|package| package.name == PERFGATE);
    let benches = metadata.packages.into_iter().filter(|package| package.name == BENCHES);
    let targets = benches.flat_map(|package| package.targets);
    let benches = targets.filter(|target| target.kind.iter().any(|kind| kind == "bench"));
    Ok((benches.map(|target| target.name).collect(), has_perfgate))
}

/// The version of the compiler that builds what lies in a folder.
fn compiler(root: &Path) -> anyhow::Result<String> {
    Ok(output(Command::new("rustc").arg("--version").current_dir(root))?.trim().to_string())
}

/// The root of the repository of the current folder.
///
/// # Errors
/// Outside a repository.
pub(crate) fn repository() -> anyhow::Result<PathBuf> {
    Ok(git(Path::new("."), ["rev-parse", "--show-toplevel"])?.into())
}

/// What git prints, without the last line end.
///
/// # Errors
/// A command that fails, with what it says.
pub(crate) fn git(
    folder: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> anyhow::Result<String> {
    let text = output(Command::new("git").args(arguments).current_dir(folder))?;
    Ok(text.trim_end().to_string())
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| name.clone())?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {}: {}", output.status, error.trim());
    String::from_utf8(output.stdout).with_context(|| format!("the output of {name}"))
}
