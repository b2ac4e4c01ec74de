//! Features that stay in their file: the one module of the datasets with `unsafe`.
#![allow(unsafe_code)]

use crate::npy::MatrixFile;
use crate::{ByteOrder, Dtype, FormatError, Kind};
use lacuna_labels::Store;
use memmap2::Mmap;
use resident::Resident;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
#[cfg(unix)]
use std::sync::atomic::{AtomicUsize, Ordering};

/// The `f32` elements of a file, mapped into memory, a bounded part of which is in memory at a time.
///
/// The file is locked against writers that ask (an advisory lock), and it is as long as its header said when it was
/// mapped. If another program shortens it all the same, the next access ends this one: with a sentence on standard error
/// and exit code 2 on Unix (see [`bus_error`]). That is why only files from [`Limits::map_from`](crate::Limits::map_from)
/// bytes on are mapped, and smaller ones are copied.
///
/// The rest of the page that a shortened file ends in is no signal but zeros, which would be wrong numbers without a word: whoever reads
/// the last page looks at the length first, and of other accesses one in [`LOOK_EVERY`] does.
pub(crate) struct MappedF32 {
    /// Dropped before the map: after it the addresses may belong to something else.
    #[cfg(unix)]
    watch: bus_error::Watch,
    /// Accesses so far.
    #[cfg(unix)]
    accesses: AtomicUsize,
    map: Mmap,
    /// Byte at which the elements start; a multiple of 4.
    start: usize,
    count: usize,
    resident: Resident,
    /// Holds the lock.
    #[cfg_attr(not(unix), expect(dead_code, reason = "holds the lock"))]
    file: File,
}

/// A look at the length of a file costs as much as reading a thousand numbers.
#[cfg(unix)]
const LOOK_EVERY: usize = 256;
/// No page that files are mapped by is larger, but for those of file systems in memory.
#[cfg(unix)]
const PAGE: usize = 1 << 16;

/// Whether the elements of a file can be used where they lie.
pub(crate) fn can_map(matrix: &MatrixFile) -> bool {
    let Dtype { kind, order } = matrix.dtype;
    let native = if cfg!(target_endian = "big") { ByteOrder::Big } else { ByteOrder::Little };
    kind == Kind::F32 && order == native && !matrix.fortran_order && matrix.start.is_multiple_of(4)
}

/// Maps the elements of a matrix for which [`can_map`] said yes, at most `limit` bytes of which will be in memory at a time.
pub(crate) fn map(matrix: &MatrixFile, path: &Path, limit: u64) -> Result<MappedF32, FormatError> {
    assert!(can_map(matrix));
    let file = matrix.file().try_clone().map_err(FormatError::io(path))?;
    // A lock that cannot be had (a file system without locks) is not an error: nothing here relies on it.
    let _ = file.try_lock_shared();
    // SAFETY: the map is read-only. The bytes are `f32`s, for which every bit pattern is a value, so that a writer that
    // ignores the lock can change numbers, but break no rule of the type. A file that shrinks ends the process (see
    // above) instead of reading what is not there.
    let map = unsafe { Mmap::map(&file) }.map_err(FormatError::io(path))?;
    let (start, count) = (matrix.start as usize, matrix.features.rows * matrix.features.columns);
    // The length is looked at again, in the map itself.
    if map.len() != start + count * 4 {
        return Err(FormatError::bytes(
            path,
            map.len() as u64,
            "the length of the file changed while it was opened",
        ));
    }
    Ok(MappedF32 {
        #[cfg(unix)]
        watch: bus_error::watch(&map, path),
        #[cfg(unix)]
        accesses: AtomicUsize::new(0),
        resident: Resident::new(map.as_ptr_range(), limit),
        map,
        start,
        count,
        file,
    })
}

impl AsRef<[f32]> for MappedF32 {
    fn as_ref(&self) -> &[f32] {
        let bytes = &self.map[self.start..self.start + self.count * 4];
        // SAFETY: every bit pattern is an `f32`. A map starts at a page and `start` is a multiple of 4, so that nothing is
        // cut off in front, which is asserted.
        let (before, values, after) = unsafe { bytes.align_to::<f32>() };
        assert!(before.is_empty() && after.is_empty());
        values
    }
}

impl MappedF32 {
    /// The bytes of these elements within the map.
    fn bytes(&self, values: Range<usize>) -> Range<usize> {
        self.start + 4 * values.start..self.start + 4 * values.end
    }

    /// Ends the process where the file is shorter than the map.
    #[cfg(unix)]
    fn look_at_the_length(&self, end: usize) {
        let in_the_last_page = end + PAGE > self.map.len();
        if in_the_last_page || self.accesses.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            // Where the length cannot be asked for, the signal is all there is.
            if self.file.metadata().is_ok_and(|found| found.len() < self.map.len() as u64) {
                self.watch.end();
            }
        }
    }
}

impl Store for MappedF32 {
    fn reads(&self, values: Range<usize>) {
        #[cfg(unix)]
        self.look_at_the_length(self.bytes(values.clone()).end);
        if self.resident.reads(self.bytes(values)) {
            #[cfg(unix)]
            // SAFETY: the map is shared and read-only, so that nothing is lost: whoever holds a slice of it finds the bytes of
            // the file there again. An error (there is none for such a map) leaves more in memory, and no number changes.
            let _ = unsafe { self.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        }
    }

    fn will_read(&self, values: Range<usize>) {
        #[cfg(unix)]
        {
            let bytes = self.bytes(values);
            // A piece of advice: an error changes no number.
            let _ = self.map.advise_range(memmap2::Advice::WillNeed, bytes.start, bytes.len());
        }
        #[cfg(not(unix))]
        let _ = values;
    }

    fn is_on_disk(&self) -> bool {
        true
    }
}

/// How much of a map is in memory.
///
/// The memory of a map counts as that of the process from the first access to a page on, and the system takes it back only when
/// memory is short. A first access brings in the pages around it that are read already: on Linux those of an aligned piece of 64
/// KiB (`fault_around_bytes`), or, where the cache of the system holds them together, of 2 MiB (what one entry of the second level of
/// page tables maps). So the pieces of 2 MiB that were touched are marked; when those of `limit` bytes are, the whole map is given back
/// and all marks are cleared.
mod resident {
    use std::ops::Range;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    /// log2 of the bytes of a piece.
    const PIECE: u32 = 21;

    pub(super) struct Resident {
        /// Bytes from the start of the first piece to the map.
        before: usize,
        /// A bit for each piece.
        touched: Box<[AtomicU64]>,
        count: AtomicUsize,
        /// Most pieces.
        limit: usize,
    }

    impl Resident {
        /// Nothing of a map with these addresses is in memory.
        pub(super) fn new(map: Range<*const u8>, limit: u64) -> Self {
            let (start, end) = (map.start.addr(), map.end.addr());
            let before = start & ((1 << PIECE) - 1);
            let pieces = (before + end - start).div_ceil(1 << PIECE);
            Self {
                before,
                touched: (0..pieces.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
                count: AtomicUsize::new(0),
                limit: usize::try_from(limit >> PIECE).unwrap_or(usize::MAX),
            }
        }

        /// Marks bytes that are about to be read; `true` where the map is to be given back first.
        ///
        /// Threads may do this at the same time: the worst is that a mark of one is cleared by another before it reads, which
        /// leaves its piece in memory, uncounted, until the map is given back the next time.
        pub(super) fn reads(&self, bytes: Range<usize>) -> bool {
            let mark = || {
                let pieces =
                    (self.before + bytes.start) >> PIECE..(self.before + bytes.end).div_ceil(1 << PIECE);
                let mut new = 0;
                for piece in pieces {
                    let (word, bit) = (&self.touched[piece / 64], 1 << (piece % 64));
                    // Nearly always it is marked, and looking is cheaper than writing.
                    if word.load(Ordering::Relaxed) & bit == 0 {
                        new += usize::from(word.fetch_or(bit, Ordering::Relaxed) & bit == 0);
                    }
                }
                new
            };
            let new = mark();
            if new == 0 || self.count.fetch_add(new, Ordering::Relaxed) + new <= self.limit {
                return false;
            }
            self.touched.iter().for_each(|word| word.store(0, Ordering::Relaxed));
            self.count.store(mark(), Ordering::Relaxed);
            true
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn pieces_are_counted_once_until_the_map_is_given_back() {
            // The map starts in the middle of a piece. Sizes are in units of half a piece.
            let half = 1 << (PIECE - 1);
            let address = |at: usize| std::ptr::without_provenance::<u8>(at * half);
            let resident = Resident::new(address(3)..address(19), 3 << PIECE);
            assert_eq!(resident.touched.len(), 1);
            // The first half is of piece 0; a range that ends with a piece touches no other.
            for (bytes, gives_back) in [
                (0..half, false),
                (half..half + 1, false),
                (2 * half..3 * half, false),
                (3 * half - 1..3 * half + 1, false),
                (16 * half - 9..16 * half, true),
                (16 * half - 9..16 * half, false),
                (0..3 * half, false),
                (4 * half..4 * half + 1, true),
            ] {
                assert_eq!(resident.reads(bytes.clone()), gives_back, "{bytes:x?}");
            }
        }
    }
}

/// The signal of an access to a map beyond the end of its file: SIGBUS.
///
/// The handler looks whether the address lies in one of the maps. If so it writes a sentence that was prepared when the
/// file was mapped, and ends the process; else it restores what the system does by itself, and the access, which is then
/// repeated, ends the process as it would have without the handler. It does nothing that is not allowed in a signal
/// handler: it reads atomics and calls `write`, `_exit` and `signal`.
#[cfg(unix)]
mod bus_error {
    use crate::error::printed;
    use std::path::Path;
    use std::ptr;
    use std::sync::Once;
    use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

    /// A map. Once listed it is never freed, because a handler of another thread may be reading it; that is a few hundred
    /// bytes for each file that is mapped.
    struct Entry {
        start: usize,
        end: usize,
        message: Box<[u8]>,
        is_mapped: AtomicBool,
        next: Option<&'static Entry>,
    }

    static FIRST: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());

    /// Keeps a map in the list while it lives.
    pub(super) struct Watch(&'static Entry);

    impl Watch {
        /// Ends the process as an access beyond the end of the file does.
        pub(super) fn end(&self) -> ! {
            self.0.end()
        }
    }

    impl Entry {
        /// Says the sentence and ends the process. It may be called in a signal handler.
        fn end(&self) -> ! {
            // SAFETY: the bytes live forever, and both functions are async-signal-safe.
            unsafe {
                libc::write(libc::STDERR_FILENO, self.message.as_ptr().cast(), self.message.len());
                libc::_exit(2);
            }
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            self.0.is_mapped.store(false, Ordering::SeqCst);
        }
    }

    /// Adds a map to the list, and the handler with the first one.
    pub(super) fn watch(bytes: &[u8], path: &Path) -> Watch {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(|| {
            // SAFETY: the handler is async-signal-safe, as the module says. If it cannot be installed, everything is
            // as it was without it.
            let _ = unsafe { signal_hook_registry::register_sigaction(libc::SIGBUS, handle) };
        });
        let message = format!(
            "error: {}: the file was truncated while it was mapped into memory; write it again, and restart when no \
             other program changes it\n",
            printed(path)
        );
        let range = bytes.as_ptr_range();
        let mut entry = Box::new(Entry {
            start: range.start.addr(),
            end: range.end.addr(),
            message: message.into_bytes().into(),
            is_mapped: AtomicBool::new(true),
            next: None,
        });
        loop {
            let first = FIRST.load(Ordering::SeqCst);
            entry.next = listed(first);
            let raw = Box::into_raw(entry);
            match FIRST.compare_exchange(first, raw, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Watch(listed(raw).expect("a box is somewhere")),
                // SAFETY: the entry was not listed, so this is the only pointer to it.
                Err(_) => entry = unsafe { Box::from_raw(raw) },
            }
        }
    }

    fn handle(information: &libc::siginfo_t) {
        // SAFETY: the field is there for every signal; for a SIGBUS of the kernel it is the address.
        let address = unsafe { information.si_addr() }.addr();
        // Positive codes are those of the kernel; others were sent by a process, and have no address.
        let is_access = information.si_code > 0;
        let mut next = listed(FIRST.load(Ordering::SeqCst));
        while let Some(entry) = next {
            let contains = is_access && (entry.start..entry.end).contains(&address);
            if contains && entry.is_mapped.load(Ordering::SeqCst) {
                entry.end();
            }
            next = entry.next;
        }
        // SAFETY: both functions are async-signal-safe. An access is repeated after the handler, a signal is not.
        unsafe {
            libc::signal(libc::SIGBUS, libc::SIG_DFL);
            if !is_access {
                libc::raise(libc::SIGBUS);
            }
        }
    }

    fn listed(entry: *mut Entry) -> Option<&'static Entry> {
        // SAFETY: an entry is complete when it is listed, and then neither changed but for its atomic nor freed.
        unsafe { entry.as_ref() }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::{Destination, Limits, NpyArray, NpyData, arrays::features::npy_features};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Output};

    const CHILD: &str = "LACUNA_TEST_MAPPED_FILE";
    const LENGTH: &str = "LACUNA_TEST_MAPPED_LENGTH";
    const ROWS: usize = 100_000;

    fn child(test: &str, path: &Path, length: u64) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("mmap::tests::{test}"), "--nocapture"]);
        command.env(CHILD, path).env(LENGTH, length.to_string()).output().unwrap()
    }

    /// Runs as a child of the next test alone.
    #[test]
    fn child_that_reads_a_shortened_file() {
        let Some(path) = std::env::var_os(CHILD) else { return };
        let path = Path::new(&path);
        let limits = Limits { map_from: 1, ..Limits::default() };
        // A map that is gone, one that stays whole, and the one that is shortened.
        drop(npy_features(path, &limits).unwrap());
        let whole = npy_features(&path.with_extension("whole.npy"), &limits).unwrap().0;
        let features = npy_features(path, &limits).unwrap().0;
        assert_eq!((features.row(ROWS - 1), whole.row(ROWS - 1)), (&[1.5; 2][..], &[1.5; 2][..]));
        let length: u64 = std::env::var(LENGTH).unwrap().parse().unwrap();
        File::options().write(true).open(path).unwrap().set_len(length).unwrap();
        println!("sum {}", (0..ROWS).map(|row| features.row(row)[0]).sum::<f32>());
    }

    #[test]
    fn a_mapped_file_that_is_shortened_ends_the_program_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.npy");
        let array = NpyArray::new(vec![ROWS, 2], NpyData::F32(vec![1.5; 2 * ROWS])).unwrap();
        array.save(&path).unwrap();
        array.save(&path.with_extension("whole.npy")).unwrap();
        let whole = std::fs::metadata(&path).unwrap().len();
        // The last numbers alone are gone: they were read as zeros, because their page is there.
        for length in [128, whole / 2 + 4, whole - 4096, whole - 4] {
            array.save(Destination::replacing(&path)).unwrap();
            assert_ends_with_a_sentence(&path, length);
        }
    }

    fn assert_ends_with_a_sentence(path: &Path, length: u64) {
        let output = child("child_that_reads_a_shortened_file", path, length);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "{out}{err}");
        let expected =
            format!("error: {}: the file was truncated while it was mapped into memory;", path.display());
        assert!(err.contains(&expected), "{err}");
        assert!(!out.contains("sum"), "{out}");
    }

    /// KiB of this process that a map of the file is in memory with.
    #[cfg(target_os = "linux")]
    fn kib_in_memory(path: &Path) -> usize {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let of_file = maps.lines().skip_while(|line| !line.ends_with(path.to_str().unwrap()));
        let size =
            of_file.into_iter().find_map(|line| line.strip_prefix("Rss:")).expect("the file is mapped");
        size.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn rows_in_any_order_leave_a_bounded_part_of_the_file_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path =
            folder.path().join("features.npy").canonicalize().unwrap_or(folder.path().join("features.npy"));
        let (rows, columns) = (40_000, 256);
        let value = |row: usize, column: usize| (row * 3 + column) as f32;
        let values = (0..rows * columns).map(|i| value(i / columns, i % columns)).collect();
        NpyArray::new(vec![rows, columns], NpyData::F32(values)).unwrap().save(&path).unwrap();
        let limits = Limits { map_from: 1, resident: 8 << 20, ..Limits::default() };
        let features = npy_features(&path, &limits).unwrap().0;
        assert!(features.is_on_disk());
        // The file has 40 MB, and was read once to find what is not finite.
        let mut most = kib_in_memory(&path);
        let sequential = 0..rows;
        let scattered = (0..rows).map(|i| i * 7_919 % rows);
        for (i, row) in sequential.chain(scattered).enumerate() {
            assert_eq!(features.row(row)[255], value(row, 255));
            if i % 97 == 0 {
                most = most.max(kib_in_memory(&path));
            }
        }
        assert!((1_000..=8 << 10).contains(&most), "{most} KiB");
        features.will_read(10..rows);
        assert!(kib_in_memory(&path) <= 8 << 10);
        // Whoever looks at everything has everything in memory: the bound above is not the system's.
        assert!(features.values().iter().sum::<f32>() > 0.0);
        assert!(kib_in_memory(&path) > 30_000);
    }

    /// Runs as a child of the next test alone: a signal that is none of our maps'.
    #[test]
    fn child_that_gets_the_signal() {
        let Some(path) = std::env::var_os(CHILD) else { return };
        let _features = npy_features(Path::new(&path), &Limits { map_from: 1, ..Limits::default() }).unwrap();
        // SAFETY: the process sends itself a signal.
        unsafe {
            libc::raise(libc::SIGBUS);
        }
    }

    #[test]
    fn a_signal_that_is_not_of_a_map_does_what_it_did() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.npy");
        NpyArray::new(vec![2, 2], NpyData::F32(vec![1.5; 4])).unwrap().save(&path).unwrap();
        let output = child("child_that_gets_the_signal", &path, 0);
        assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
