#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lacuna_fuzz::counted(|| lacuna_fuzz::read("multi-hot", "a_train.txt", "", &[("b_train.txt", b"x 1\ny -1\n")], data)));
