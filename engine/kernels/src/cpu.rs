//! Does this processor have the instructions this program was built for?
//!
//! The build for x86-64-v3 contains AVX2 and FMA everywhere, so on an older machine the first vector
//! instruction would end the program with "illegal instruction". Every program therefore calls
//! [`check`] in the first statement of `main`. `is_x86_feature_detected!` cannot be used for that: under
//! `target-cpu=x86-64-v3` the compiler knows the answer is yes and folds the question away.

/// Name of the environment variable that hides features from [`check`], for tests: a comma-separated
/// list such as `fma,avx2`.
pub const MASK_VARIABLE: &str = "LACUNA_CPU_MASK";

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

/// One sentence on what this processor lacks, or `Ok`.
///
/// # Errors
/// The sentence, naming every missing feature and how to build a program without them.
#[inline(never)]
pub fn check() -> Result<(), String> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "this program was built for {} and this processor lacks {}; build it with \
         RUSTFLAGS=\"-C target-cpu=x86-64\" cargo build --release",
        simd_level(),
        missing.join(", ")
    ))
}

/// Ends the process with exit code 2 and one sentence if [`check`] fails.
#[inline(never)]
pub fn check_or_exit() {
    if let Err(sentence) = check() {
        // Not `eprintln!`, which panics where standard error cannot be written.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("error: {sentence}\n").as_bytes());
        std::process::exit(2);
    }
}

#[cfg(target_arch = "x86_64")]
fn missing() -> Vec<&'static str> {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    let masked = std::env::var(MASK_VARIABLE).unwrap_or_default();
    let one = __cpuid(1);
    let seven = if __cpuid(0).eax >= 7 { __cpuid_count(7, 0) } else { one_of_zeros() };
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
        .filter(|(name, needed, present)| *needed && (!present || masked.split(',').any(|m| m == *name)))
        .map(|(name, ..)| name)
        .collect()
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
        assert_eq!(check(), Ok(()));
    }
}
