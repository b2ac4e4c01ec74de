#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lacuna_fuzz::read("npz", "x.npz", "x.npz", &[], data));
