//! The header: JSON with the type, the shape and the place of every tensor.

use crate::{FormatError, Kind, Strings, shown};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) names: Strings,
    pub(super) tensors: Vec<Tensor>,
    pub(super) dimensions: Vec<u64>,
    pub(super) metadata: BTreeMap<String, String>,
    /// Numbers of the tensors in the order of their data.
    pub(super) order: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor {
    pub(super) kind: TensorKind,
    /// Where its dimensions start, and how many there are.
    pub(super) shape: u32,
    pub(super) rank: u8,
    pub(super) from: u64,
    pub(super) to: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TensorKind {
    Of(Kind),
    Bf16,
}

impl TensorKind {
    pub(super) const ALL: [(&str, Self); 13] = [
        ("BOOL", Self::Of(Kind::Bool)),
        ("U8", Self::Of(Kind::U8)),
        ("I8", Self::Of(Kind::I8)),
        ("U16", Self::Of(Kind::U16)),
        ("I16", Self::Of(Kind::I16)),
        ("F16", Self::Of(Kind::F16)),
        ("BF16", Self::Bf16),
        ("U32", Self::Of(Kind::U32)),
        ("I32", Self::Of(Kind::I32)),
        ("F32", Self::Of(Kind::F32)),
        ("U64", Self::Of(Kind::U64)),
        ("I64", Self::Of(Kind::I64)),
        ("F64", Self::Of(Kind::F64)),
    ];

    pub(super) fn bytes(self) -> u32 {
        match self {
            TensorKind::Bf16 => 2,
            TensorKind::Of(kind) => kind.bytes().expect("numbers have a size") as u32,
        }
    }
}

/// Most dimensions of a tensor.
const RANK: usize = 32;

impl Header {
    /// Whether every tensor has as many bytes as its shape says, and the tensors cover the rest of the file.
    pub(super) fn check(&mut self, path: &Path, start: u64, length: u64) -> Result<(), FormatError> {
        if let Some((later, _)) = self.names.duplicate() {
            let problem = format!("duplicate tensor `{}`", shown(&self.names[later]));
            return Err(FormatError::bytes(path, 8, problem));
        }
        let mut order: Vec<u32> = (0..self.tensors.len() as u32).collect();
        order.sort_by_key(|&i| (self.tensors[i as usize].from, self.tensors[i as usize].to));
        let mut free = 0;
        for &i in &order {
            let Tensor { kind, shape, rank, from, to } = self.tensors[i as usize];
            let name = || shown(&self.names[i as usize]);
            let shape = &self.dimensions[shape as usize..][..rank.into()];
            let product = match shape.contains(&0) {
                true => Some(0),
                false => shape
                    .iter()
                    .try_fold(u64::from(kind.bytes()), |bytes, &dimension| bytes.checked_mul(dimension)),
            };
            let problem = if product != to.checked_sub(from) {
                format!("`{}` of shape {shape:?} does not have the bytes from {from} to {to}", name())
            } else if from != free {
                format!(
                    "`{}` starts at byte {from} of the data, where the tensors before it end at {free}",
                    name()
                )
            } else if to > length {
                format!(
                    "`{}` ends at byte {to} of the data, of which the file has {length}: it is truncated",
                    name()
                )
            } else {
                free = to;
                continue;
            };
            return Err(FormatError::bytes(path, start, problem));
        }
        if free != length {
            let problem = format!("the tensors have {free} bytes and the file has {length}");
            return Err(FormatError::bytes(path, start + free, problem));
        }
        self.order = order;
        Ok(())
    }
}

/// The header as JSON: a tensor for each key, and `__metadata__`.
pub(super) struct Entries<'a> {
    pub(super) header: &'a mut Header,
    pub(super) limit: u64,
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_metadata = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if std::mem::replace(&mut has_metadata, true) {
                    return Err(A::Error::custom("duplicate key __metadata__"));
                }
                map.next_value_seed(Metadata(&mut self.header.metadata))?;
                continue;
            }
            if self.header.tensors.len() as u64 >= self.limit {
                return Err(A::Error::custom(format!("there are more than {} tensors", self.limit)));
            }
            let Info { dtype, shape, data_offsets: (from, to) } = map.next_value()?;
            let kind = TensorKind::ALL.iter().find(|(known, _)| *known == dtype);
            let kind =
                kind.ok_or_else(|| A::Error::custom(format!("unsupported type `{}`", shown(&dtype))))?.1;
            let tensor = Tensor {
                kind,
                shape: self.header.dimensions.len() as u32,
                rank: shape.0.len() as u8,
                from,
                to,
            };
            self.header.dimensions.extend(shape.0);
            self.header.tensors.push(tensor);
            if !self.header.names.push(&name) {
                return Err(A::Error::custom("the names take more than 4 GiB"));
            }
        }
        Ok(())
    }
}

/// Most entries of the metadata: a map takes many times the text of small ones.
pub(super) const METADATA: usize = 4_096;

/// The free text of the header.
struct Metadata<'a>(&'a mut BTreeMap<String, String>);

impl<'de> DeserializeSeed<'de> for Metadata<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metadata<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of text")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if self.0.len() == METADATA {
                return Err(A::Error::custom(format!("__metadata__ has more than {METADATA} entries")));
            }
            let name = shown(&key);
            if self.0.insert(key, value).is_some() {
                return Err(A::Error::custom(format!("__metadata__ has two entries `{name}`")));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// A few dimensions.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Dimensions;
        impl<'de> Visitor<'de> for Dimensions {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of dimensions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while let Some(dimension) = seq.next_element()? {
                    if shape.len() == RANK {
                        return Err(A::Error::custom(format!(
                            "more than {RANK} dimensions are not supported"
                        )));
                    }
                    shape.push(dimension);
                }
                Ok(Shape(shape))
            }
        }
        deserializer.deserialize_seq(Dimensions)
    }
}
