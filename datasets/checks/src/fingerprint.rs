//! The identity of a data set.

use crate::labels::LabelScan;
use crate::part::Part;
use crate::rows::RowHash;
use lacuna_formats::Strings;

/// What is hashed first, so that a change of the order below changes every fingerprint.
const VERSION: &[u8] = b"lacuna data set 2";

pub(crate) fn of(parts: &[Part<'_>]) -> String {
    let mut digest = Digest(blake3::Hasher::new());
    digest.0.update(VERSION);
    digest.number(parts.len());
    for part in parts {
        digest.number(part.table.image.is_some().into());
        part.table.image.iter().flatten().for_each(|&size| digest.number(size));
        digest.strings(Some(&part.table.classes));
        digest.strings(part.table.names.as_ref());
        for labels in [&part.labels, &part.observed] {
            digest.labels(labels.as_ref());
        }
        digest.number(part.features.is_some().into());
        if let Some(features) = &part.features {
            digest.number(features.sparse.into());
            digest.number(part.table.features.as_ref().map_or(0, |features| features.rows()));
            digest.number(features.columns);
            digest.rows(&features.hashes);
        }
    }
    digest.0.finalize().to_hex().to_string()
}

/// Every list is preceded by its length, so that no two data sets are the same bytes.
struct Digest(blake3::Hasher);

impl Digest {
    fn number(&mut self, number: usize) {
        self.0.update(&(number as u64).to_le_bytes());
    }

    fn strings(&mut self, strings: Option<&Strings>) {
        self.number(strings.is_some().into());
        let Some(strings) = strings else { return };
        self.number(strings.len());
        for string in strings.iter() {
            self.number(string.len());
            self.0.update(string.as_bytes());
        }
    }

    fn labels(&mut self, labels: Option<&LabelScan>) {
        self.number(labels.is_some().into());
        let Some(labels) = labels else { return };
        self.number(labels.rows);
        self.number(labels.classes);
        self.rows(&labels.hashes);
    }

    fn rows(&mut self, hashes: &[RowHash]) {
        let mut bytes = Vec::new();
        for hashes in hashes.chunks(1 << 12) {
            bytes.clear();
            hashes.iter().for_each(|hash| bytes.extend(hash.to_le_bytes()));
            self.0.update(&bytes);
        }
    }
}
