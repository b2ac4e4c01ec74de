#![no_main]

const LABELS: &[u8] = include_bytes!("../seeds/labels.npy");
const NAMES: &[u8] = include_bytes!("../seeds/names.npy");
const FEATURES: &[u8] = include_bytes!("../seeds/features.npy");

libfuzzer_sys::fuzz_target!(|data: &[u8]| lacuna_fuzz::counted(|| lacuna_fuzz::read("spml", "formatted_train_labels.npy", "", &[("formatted_val_labels.npy", LABELS), ("formatted_train_images.npy", NAMES), ("formatted_val_images.npy", NAMES), ("train_features_x.npy", FEATURES), ("val_features_x.npy", FEATURES)], data)));
