//! Running programs: where their output goes, how a step ends, how a background program is ended.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

/// How a step that did not fail ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Everything was checked.
    Done,
    /// Something this machine lacks was left out; says what and why that is acceptable.
    Skipped(String),
}

/// A step's result; the error is what a person needs to read.
pub(crate) type Result<T = Outcome> = std::result::Result<T, String>;

/// Where the programs of a step write.
#[derive(Debug)]
pub(crate) struct Log {
    /// `None`: straight to the screen.
    file: Option<File>,
}

impl Log {
    /// Everything is seen at once, as when a step is run by hand.
    pub(crate) fn screen() -> Self {
        Self { file: None }
    }

    /// Everything goes into the file at `path`, to be shown when the step fails.
    pub(crate) fn file(path: &Path) -> Result<Self> {
        let file = File::options().create(true).write(true).read(true).truncate(true).open(path);
        Ok(Self { file: Some(file.map_err(about(path))?) })
    }

    /// Writes one line of the step's own.
    pub(crate) fn line(&mut self, line: &str) {
        // Nothing can be done about a log that can't be written.
        let _ = match &mut self.file {
            Some(file) => writeln!(file, "{line}"),
            None => writeln!(std::io::stdout(), "{line}"),
        };
    }

    /// Runs a program to its end.
    ///
    /// Fails when it can't be started or doesn't end with status 0; the error names the command.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        let shown = show(command);
        self.line(&format!("$ {shown}"));
        if let Some(file) = &self.file {
            let clone = |file: &File| file.try_clone().map_err(|e| e.to_string());
            command.stdout(clone(file)?).stderr(clone(file)?);
        }
        let status = command.stdin(Stdio::null()).status();
        let status = status.map_err(|e| format!("`{shown}` can't be started: {e}"))?;
        if status.success() { Ok(()) } else { Err(format!("`{shown}` ended with {status}")) }
    }

    /// Runs a program to its end and gives what it prints on standard output; its errors go into
    /// the log.
    ///
    /// Fails like [`run`](Self::run), and when the output isn't UTF-8.
    pub(crate) fn output(&mut self, command: &mut Command) -> Result<String> {
        let shown = show(command);
        self.line(&format!("$ {shown}"));
        command.stderr(match &self.file {
            Some(file) => Stdio::from(file.try_clone().map_err(|e| e.to_string())?),
            None => Stdio::inherit(),
        });
        let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).output();
        let output = output.map_err(|e| format!("`{shown}` can't be started: {e}"))?;
        if !output.status.success() {
            return Err(format!("`{shown}` ended with {}", output.status));
        }
        String::from_utf8(output.stdout).map_err(|_| format!("`{shown}` didn't print UTF-8"))
    }

    /// Shows what has been logged, when it isn't on the screen yet.
    pub(crate) fn replay(&mut self) {
        if let Some(file) = &mut self.file {
            let copied = file
                .seek(SeekFrom::Start(0))
                .and_then(|_| std::io::copy(file, &mut std::io::stdout()));
            if let Err(error) = copied {
                println!("the log can't be read: {error}");
            }
        }
    }
}

/// `cargo` as the one that started us, at the root of the workspace.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// The root folder of the workspace.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// A folder for the tools of one step, kept between runs.
pub(crate) fn cache(step: &str) -> Result<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = var("XDG_CACHE_HOME")
        .or_else(|| var("HOME").map(|home| home.join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor HOME is set: no place for a cache")?;
    let folder = base.join("websockets-xtask").join(step);
    make_folder(&folder)?;
    Ok(folder)
}

/// A program in the background; it is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Background {
    child: Child,
    name: String,
}

impl Background {
    /// Starts a program whose output goes to the file at `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).map_err(about(log))?;
        let clone = file.try_clone().map_err(|e| e.to_string())?;
        Self::spawn(command.stdout(file).stderr(clone))
    }

    /// Starts a server and waits until it prints a line that begins with `ready`; gives the rest
    /// of that line. What it prints later goes to the file at `log`, as do its errors.
    pub(crate) fn serve(mut command: Command, ready: &str, log: &Path) -> Result<(Self, String)> {
        let mut file = File::create(log).map_err(about(log))?;
        let clone = file.try_clone().map_err(|e| e.to_string())?;
        let mut server = Self::spawn(command.stdout(Stdio::piped()).stderr(clone))?;
        let stdout = server.child.stdout.take().ok_or("the server has no standard output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                // The log and the receiver may be gone; the pipe has to be emptied anyway.
                let _ = writeln!(file, "{line}");
                let _ = sender.send(line);
            }
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = lines.recv_timeout(left).map_err(|_| {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                format!("`{}` didn't print `{ready}…`; it said: {}", server.name, said.trim_end())
            })?;
            if let Some(rest) = line.strip_prefix(ready) {
                return Ok((server, rest.trim().to_owned()));
            }
        }
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let name = show(command);
        let child = command.stdin(Stdio::null()).spawn();
        Ok(Self { child: child.map_err(|e| format!("`{name}` can't be started: {e}"))?, name })
    }

    /// Waits for the program's own end. Fails when it takes longer than `limit`, or doesn't end
    /// with status 0.
    pub(crate) fn wait(mut self, limit: Duration) -> Result<()> {
        match self.ended_within(limit)? {
            Some(true) => Ok(()),
            Some(false) => Err(format!("`{}` failed", self.name)),
            None => Err(format!("`{}` ran longer than {} s", self.name, limit.as_secs())),
        }
    }

    /// Whether the program has ended already.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.ended_within(Duration::ZERO)?.is_some())
    }

    /// Asks the program to end (SIGTERM) and expects it to do so with status 0 within ten seconds.
    pub(crate) fn terminate(self) -> Result<()> {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        match asked {
            Ok(status) if status.success() => self.wait(Duration::from_secs(10)),
            _ => Err(format!("`{}` was gone before it was asked to end", self.name)),
        }
    }

    /// Whether it ended with success; `None` when it is still running after `limit`.
    fn ended_within(&mut self, limit: Duration) -> Result<Option<bool>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().map_err(|e| e.to_string())? {
                return Ok(Some(status.success()));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of 127.0.0.1 that nothing listens on now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

/// Does the work for each of the items, for as many at once as there are cores.
pub(crate) fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}

/// Reads a text file; the error names it.
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(about(path))
}

/// Writes a text file; the error names it.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(about(path))
}

/// Makes a folder and those above it, unless they are there; the error names it.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(about(path))
}

/// An error of a file or a folder, as a text that names it.
pub(crate) fn about<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Reads options that take no value, and nothing else: which of `names` are there.
pub(crate) fn flags<const N: usize>(
    mut args: lexopt::Parser,
    names: [&str; N],
) -> Result<[bool; N]> {
    let mut given = [false; N];
    while let Some(arg) = args.next().map_err(|e| e.to_string())? {
        let lexopt::Arg::Long(name) = arg else { return Err(arg.unexpected().to_string()) };
        let flag = given.iter_mut().zip(names).find(|(_, known)| *known == name);
        let Some((flag, _)) = flag else { return Err(arg.unexpected().to_string()) };
        *flag = true;
    }
    Ok(given)
}

/// The command as one would type it.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut shown = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        shown.push(' ');
        shown.push_str(&arg.to_string_lossy());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_an_error_that_names_it() {
        let failed = Log::screen().run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(failed.contains("sh -c exit 3") && failed.contains('3'), "{failed}");
        assert!(Log::screen().run(&mut Command::new("no-such-program-here")).is_err());
        assert!(Log::screen().output(Command::new("sh").args(["-c", "exit 3"])).is_err());
    }

    #[test]
    fn flags_are_read_and_nothing_else() {
        let read = |args: &[&str]| flags(lexopt::Parser::from_args(args), ["a", "b"]);
        assert_eq!(read(&[]), Ok([false, false]));
        assert_eq!(read(&["--b"]), Ok([false, true]));
        for wrong in ["--c", "-a", "a", "--a=1"] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_that_ends_before_it_is_ready_is_an_error_with_its_words() {
        let log = std::env::temp_dir().join(format!("xtask-run-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "echo address in use >&2; exit 1"]);
        let failed = Background::serve(command, "listening on ", &log).unwrap_err();
        let _ = std::fs::remove_file(&log);
        assert!(failed.contains("address in use"), "{failed}");
    }

    #[test]
    fn a_server_is_ready_with_its_line_and_ends_when_asked() -> Result<()> {
        let log = std::env::temp_dir().join(format!("xtask-serve-{}", std::process::id()));
        let mut command = Command::new("sh");
        let script =
            "trap 'exit 0' TERM; echo hello; echo listening on x; while :; do sleep 0.02; done";
        command.args(["-c", script]);
        let (mut server, rest) = Background::serve(command, "listening on ", &log)?;
        assert_eq!(rest, "x");
        assert!(!server.has_ended()?);
        let ended = server.terminate();
        let _ = std::fs::remove_file(&log);
        ended
    }
}
