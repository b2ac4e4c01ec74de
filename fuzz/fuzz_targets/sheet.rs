#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lacuna_fuzz::sheets::sheet(data));
