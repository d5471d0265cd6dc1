// SPDX-License-Identifier: Apache-2.0
//! CPU time of the relay, and the core that the generator runs on.

use std::fs;
use std::io;
use std::path::Path;

const NS_PER_TICK: u64 = 10_000_000;

/// CPU time of all living threads of a process in nanoseconds: the scheduler's own count where the kernel offers
/// it, else the clock ticks of `stat`.
pub(crate) fn process_cpu_ns(pid: u32) -> io::Result<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))?;
    // A thread that ends meanwhile has no files any more and counts as nothing.
    Ok(tasks.flatten().filter_map(|task| task_cpu_ns(&task.path())).sum())
}

fn task_cpu_ns(task: &Path) -> Option<u64> {
    match fs::read_to_string(task.join("schedstat")) {
        Ok(text) => text.split_whitespace().next()?.parse().ok(),
        Err(_) => Some(ticks_of(&fs::read_to_string(task.join("stat")).ok()?)? * NS_PER_TICK),
    }
}

/// utime + stime, fields 14 and 15; the name in field 2 may hold spaces, so counting starts after it.
fn ticks_of(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// Binds the calling thread to one core.
pub(crate) fn pin_to(core: usize) -> io::Result<()> {
    // SAFETY: an all-zero set is a valid empty set; CPU_SET ignores cores beyond its size.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        set
    };
    // SAFETY: the set is valid for the stated size.
    let result = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets sleeps of this thread end on time; the usual slack of 50 us is half a slot.
pub(crate) fn sleep_precisely() {
    // SAFETY: the option takes a number. A refusal only makes slots late, which is reported.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_adds_user_and_system_ticks_whatever_the_name() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0";
        assert_eq!(ticks_of(stat), Some(42));
        assert_eq!(ticks_of("7"), None);
    }

    #[test]
    fn it_measures_its_own_process() {
        // The kernel updates the count at its own ticks, so the test works until it sees one.
        while process_cpu_ns(std::process::id()).unwrap() == 0 {
            std::hint::spin_loop();
        }
    }
}
