//! What the kernel and the allocation counter tell about a process.

use std::fs;

/// A process that is measured.
pub struct Process {
    pid: u32,
    /// The file in which the counting allocator keeps its two numbers.
    allocations: Option<fs::File>,
}

/// What a process has used so far.
#[derive(Clone, Copy)]
pub struct Usage {
    /// Nanoseconds on a CPU, of all threads, kernel included.
    pub cpu_ns: u64,
    /// Ticks in user and in kernel mode.
    pub ticks: [u64; 2],
    /// Calls of the allocator that gave memory, and the bytes they gave.
    pub allocations: [u64; 2],
}

impl Process {
    pub fn new(pid: u32, allocations: Option<&String>) -> Self {
        let open = |path: &String| fs::File::open(path).expect("the file of the counter");
        Self { pid, allocations: allocations.map(open) }
    }

    pub fn this() -> Self {
        Self::new(std::process::id(), None)
    }

    pub fn usage(&self) -> Usage {
        let pid = self.pid;
        let mut cpu_ns = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let stat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            cpu_ns += stat.split(' ').next().and_then(|x| x.parse::<u64>().ok()).unwrap_or(0);
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name of the program, in parentheses, may hold blanks.
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let tick = |i: usize| fields.get(i).and_then(|x| x.parse().ok()).unwrap_or(0);
        Usage { cpu_ns, ticks: [tick(11), tick(12)], allocations: self.allocations() }
    }

    /// A field of `/proc/PID/status` that is given in kB, in bytes.
    pub fn memory(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|x| x.parse::<u64>().ok()).unwrap_or(0) * 1024
    }

    fn allocations(&self) -> [u64; 2] {
        use std::os::unix::fs::FileExt;
        let mut bytes = [[0; 8]; 2];
        if let Some(file) = &self.allocations {
            file.read_exact_at(bytes.as_flattened_mut(), 0).expect("two counters");
        }
        bytes.map(u64::from_ne_bytes)
    }
}
