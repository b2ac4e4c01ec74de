#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lacuna_fuzz::counted(|| lacuna_fuzz::read("mulan", "x.xml", "x.arff", &[("x.arff", b"@relation x\n@attribute a real\n@attribute b {0,1}\n@data\n0.5,1\n")], data)));
