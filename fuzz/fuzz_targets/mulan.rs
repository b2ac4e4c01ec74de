#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lacuna_fuzz::counted(|| lacuna_fuzz::read("mulan", "x.arff", "x.arff", &[("x.xml", b"<labels><label name=\"b\"/></labels>")], data)));
