//! Does this processor have the instructions this program was built for?
//!
//! The build for x86-64-v3 contains AVX2 and FMA everywhere, so on an older machine the first vector
//! instruction would end the program with "illegal instruction". Every program therefore calls
//! [`check`] in the first statement of `main`. `is_x86_feature_detected!` cannot be used for that: under
//! `target-cpu=x86-64-v3` the compiler knows the answer is yes and folds the question away. For what the program
//! was not compiled for, the vectors of AVX-512, it can: [`level`].

use std::ffi::CStr;
use std::sync::OnceLock;

/// Name of the environment variable that hides features from [`check`], for tests: a comma-separated
/// list such as `fma,avx2`.
pub const MASK_VARIABLE: &str = "LACUNA_CPU_MASK";

/// Name of the environment variable that chooses the vectors of [`level`]: `avx2` or `avx512`.
pub const LEVEL_VARIABLE: &str = "LACUNA_SIMD";

/// The vectors of the kernels that are compiled for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Those that the program was compiled for, see [`simd_level`].
    Built,
    /// Sixteen floats, where an instruction takes the multipliers of two vectors of eight (AMD Zen 4).
    Avx512InHalves,
    /// Sixteen floats, as many instructions a cycle as of eight.
    Avx512,
}

/// The vectors that products use, found once per process. The bits of a result do not depend on it.
///
/// Sixteen floats where processor and operating system have AVX-512F and the program was compiled for AVX2, unless the
/// environment has `LACUNA_SIMD=avx2`.
#[inline]
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| match std::env::var(LEVEL_VARIABLE).as_deref() {
        Ok("avx2") => Level::Built,
        _ => widest(),
    })
}

/// The widest vectors of this machine.
fn widest() -> Level {
    #[cfg(all(target_arch = "x86_64", target_feature = "fma"))]
    if is_x86_feature_detected!("avx512f") && !is_masked("avx512f") {
        return if in_halves() { Level::Avx512InHalves } else { Level::Avx512 };
    }
    Level::Built
}

/// Whether 512 bits are computed in two halves: AMD's family 19h, which is Zen 3 and Zen 4.
#[cfg(all(target_arch = "x86_64", target_feature = "fma"))]
fn in_halves() -> bool {
    let vendor = cpuid(0);
    let signature = cpuid(1).eax;
    let (family, extended) = (signature >> 8 & 0xf, signature >> 20 & 0xff);
    let is_amd = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD";
    is_amd && family + extended == 0x19
}

/// Whether [`MASK_VARIABLE`] hides a feature.
#[cfg(target_arch = "x86_64")]
fn is_masked(feature: &str) -> bool {
    std::env::var(MASK_VARIABLE).is_ok_and(|masked| masked.split(',').any(|m| m == feature))
}

/// The instructions that run: those the program was compiled for, and the vectors of [`level`].
pub fn running() -> String {
    match level() {
        Level::Built => simd_level().to_string(),
        Level::Avx512InHalves | Level::Avx512 => format!("{}, products with AVX-512", simd_level()),
    }
}

/// The instruction level this program was compiled for.
pub fn simd_level() -> &'static str {
    if cfg!(all(target_feature = "avx2", target_feature = "fma")) {
        "x86-64-v3 (AVX2, FMA)"
    } else if cfg!(target_arch = "x86_64") {
        "x86-64 baseline (SSE2)"
    } else if cfg!(target_arch = "aarch64") {
        "aarch64 (NEON)"
    } else {
        "portable"
    }
}

/// The sentence of a processor without AVX, or `Ok`: to be asked before [`check`], whose own code moves text with AVX where the
/// build has it. Nothing here needs more than every x86-64 processor has.
///
/// # Errors
/// The sentence.
#[inline(never)]
pub fn check_avx() -> Result<(), &'static CStr> {
    match !cfg!(target_feature = "avx") || has_avx() {
        true => Ok(()),
        false => Err(WITHOUT_AVX),
    }
}

/// The sentence of [`check_avx`].
const WITHOUT_AVX: &CStr = c"this program was built for x86-64-v3 (AVX2, FMA) and this processor lacks avx, avx2 and fma; build it with \
    RUSTFLAGS=\"-C target-cpu=x86-64\" cargo build --release";

#[cfg(target_arch = "x86_64")]
fn has_avx() -> bool {
    let features = cpuid(1).ecx;
    let (osxsave, avx) = (1 << 27, 1 << 28);
    // In two steps: XGETBV exists where the first bit says so.
    features & osxsave != 0 && features & avx != 0 && xcr0() & 6 == 6
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx() -> bool {
    true
}

/// One sentence on what this processor lacks, or `Ok`.
///
/// # Errors
/// The sentence, naming every missing feature and how to build a program without them.
#[inline(never)]
pub fn check() -> Result<(), String> {
    let missing = missing();
    if missing.is_empty() {
        return check_level();
    }
    Err(format!(
        "this program was built for {} and this processor lacks {}; build it with \
         RUSTFLAGS=\"-C target-cpu=x86-64\" cargo build --release",
        simd_level(),
        missing.join(", ")
    ))
}

/// One sentence on a value of [`LEVEL_VARIABLE`] that cannot be had, or `Ok`.
fn check_level() -> Result<(), String> {
    match std::env::var_os(LEVEL_VARIABLE) {
        None => Ok(()),
        Some(level) if level == "avx2" => Ok(()),
        Some(level) if level == "avx512" && widest() != Level::Built => Ok(()),
        Some(level) if level == "avx512" => Err(format!(
            "{LEVEL_VARIABLE}=avx512: this processor, or this build, does not have AVX-512; remove the variable"
        )),
        Some(level) => Err(format!("{LEVEL_VARIABLE}={}: expected avx2 or avx512", level.display())),
    }
}

/// Ends the process with exit code 2 and one sentence if [`check`] fails.
#[inline(never)]
pub fn check_or_exit() {
    if let Err(sentence) = check_avx() {
        let mut error = std::io::stderr();
        for part in [&b"error: "[..], sentence.to_bytes(), b"\n"] {
            let _ = std::io::Write::write_all(&mut error, part);
        }
        std::process::exit(2);
    }
    if let Err(sentence) = check() {
        // Not `eprintln!`, which panics where standard error cannot be written.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("error: {sentence}\n").as_bytes());
        std::process::exit(2);
    }
}

#[cfg(target_arch = "x86_64")]
fn missing() -> Vec<&'static str> {
    let one = cpuid(1);
    let seven = if cpuid(0).eax >= 7 { cpuid(7) } else { one_of_zeros() };
    // The operating system has to save the upper halves of the registers: OSXSAVE, then XCR0 bits 1 and 2.
    let os_saves_ymm = one.ecx >> 27 & 1 == 1 && xcr0() & 6 == 6;
    let features = [
        ("avx", cfg!(target_feature = "avx"), one.ecx >> 28 & 1 == 1 && os_saves_ymm),
        ("avx2", cfg!(target_feature = "avx2"), seven.ebx >> 5 & 1 == 1 && os_saves_ymm),
        ("fma", cfg!(target_feature = "fma"), one.ecx >> 12 & 1 == 1 && os_saves_ymm),
        ("bmi2", cfg!(target_feature = "bmi2"), seven.ebx >> 8 & 1 == 1),
        ("f16c", cfg!(target_feature = "f16c"), one.ecx >> 29 & 1 == 1 && os_saves_ymm),
    ];
    features
        .into_iter()
        .filter(|(name, needed, present)| *needed && (!present || is_masked(name)))
        .map(|(name, ..)| name)
        .collect()
}

/// A leaf of CPUID, its first part.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[allow(unused_unsafe, reason = "newer compilers call it safe")]
fn cpuid(leaf: u32) -> std::arch::x86_64::CpuidResult {
    // SAFETY: every processor of this architecture has CPUID; it reads a table of the processor and touches no memory.
    unsafe { std::arch::x86_64::__cpuid_count(leaf, 0) }
}

#[cfg(target_arch = "x86_64")]
fn one_of_zeros() -> std::arch::x86_64::CpuidResult {
    std::arch::x86_64::CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 }
}

/// The register that says which register files the operating system saves.
#[cfg(target_arch = "x86_64")]
fn xcr0() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: called only where CPUID reports OSXSAVE, which is exactly when XGETBV exists; it reads a
    // register and touches no memory.
    unsafe {
        std::arch::asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(not(target_arch = "x86_64"))]
fn missing() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_build_has_fma() {
        if std::env::var("LACUNA_PORTABLE").as_deref() == Ok("1") || cfg!(not(target_arch = "x86_64")) {
            println!("portable build: {}", simd_level());
        } else {
            assert_eq!(
                simd_level(),
                "x86-64-v3 (AVX2, FMA)",
                "built without FMA: RUSTFLAGS in the environment replaces .cargo/config.toml; \
                 set LACUNA_PORTABLE=1 if that is meant"
            );
        }
    }

    #[test]
    fn this_machine_passes() {
        assert_eq!((check_avx(), check()), (Ok(()), Ok(())));
    }

    #[test]
    fn both_sentences_begin_and_end_alike() {
        let first = WITHOUT_AVX.to_str().unwrap();
        assert!(
            first
                .starts_with("this program was built for x86-64-v3 (AVX2, FMA) and this processor lacks avx"),
            "{first}"
        );
        assert!(
            first.ends_with("; build it with RUSTFLAGS=\"-C target-cpu=x86-64\" cargo build --release"),
            "{first}"
        );
        assert!(!first.contains("  "), "{first}");
    }
}
