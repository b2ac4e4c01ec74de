#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lacuna_fuzz::counted(|| lacuna_fuzz::read("libsvm", "x.svm", "x.svm", &[], data)));
